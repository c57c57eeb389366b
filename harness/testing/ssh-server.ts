/** An OpenSSH server of a test's own, on 127.0.0.1: its own keys, configuration and home directory. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Test } from 'tap';
import { eventually } from './processes.js';
import { scratch } from './files.js';

/** A running server, and a configuration with which a client reaches it as `box`. */
export interface SshServer {
  readonly port: number;
  readonly folder: string;
  /** The home directory of its sessions. */
  readonly home: string;
  /** For `CRASHPATH_SSH_CONFIG`. */
  readonly clientConfig: string;
  readonly clientKey: string;
  readonly knownHosts: string;
  readonly pid: number;
}

const SSHD = '/usr/sbin/sshd';

/** Whether Debian's openssh-server is installed. */
export async function hasSshd(): Promise<boolean> {
  return readFile(SSHD).then(
    () => true,
    () => false,
  );
}

/** Starts a server; it ends with the test. `lines` are added to its configuration. */
export async function startSshServer(
  t: Test,
  { lines = [] }: { readonly lines?: readonly string[] } = {},
): Promise<SshServer> {
  const folder = await scratch(t);
  const home = join(folder, 'home');
  await mkdir(home, { mode: 0o700 });
  if (userInfo().uid === 0) await mkdir('/run/sshd', { recursive: true });
  const [hostKey, clientKey] = [join(folder, 'host_key'), join(folder, 'client_key')];
  for (const key of [hostKey, clientKey])
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  await writeFile(join(folder, 'authorized'), await readFile(`${clientKey}.pub`));
  const port = await freePort();
  await writeFile(
    join(folder, 'sshd_config'),
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${hostKey}`,
      `AuthorizedKeysFile ${join(folder, 'authorized')}`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      `SetEnv HOME=${home}`,
      ...lines,
      '',
    ].join('\n'),
  );
  const knownHosts = join(folder, 'known_hosts');
  const [type, blob] = (await readFile(`${hostKey}.pub`, 'utf8')).split(' ');
  await writeFile(knownHosts, `[127.0.0.1]:${port},box ${type} ${blob}\n`);
  const made = { port, folder, home, clientKey, knownHosts };
  const clientConfig = await writeClientConfig(made, { name: 'ssh_config' });
  // In the foreground, so that it ends with its process group.
  const server = execa(SSHD, ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    reject: false,
    detached: true,
    stdin: 'ignore',
  });
  t.teardown(async () => {
    if (server.pid !== undefined) process.kill(-server.pid, 'SIGKILL');
    await server;
  });
  const ready = await eventually(async () => ((await answers(port)) ? true : undefined), 20_000);
  if (ready !== true) throw new Error(`sshd does not answer: ${(await server).stderr}`);
  return { ...made, clientConfig, pid: server.pid ?? -1 };
}

/** Writes a configuration with which `box` is that server, with other or further lines. Returns its path. */
export async function writeClientConfig(
  { port, folder, clientKey, knownHosts }: Omit<SshServer, 'clientConfig' | 'pid' | 'home'>,
  { name, lines = [] }: { readonly name: string; readonly lines?: readonly string[] },
): Promise<string> {
  const file = join(folder, name);
  await writeFile(
    file,
    [
      'Host box',
      ...lines.map((line) => `  ${line}`),
      '  HostName 127.0.0.1',
      `  Port ${port}`,
      `  User ${userInfo().username}`,
      `  IdentityFile ${clientKey}`,
      '  IdentitiesOnly yes',
      '  IdentityAgent none',
      `  UserKnownHostsFile ${knownHosts}`,
      '',
    ].join('\n'),
  );
  return file;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      server.close(() => (port === undefined ? reject(new Error('no port')) : resolve(port)));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const end = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
  });
}
