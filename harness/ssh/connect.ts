import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { errnoOf, messageOf } from '../model/errno.js';
import { foldLine } from '../model/escape.js';
import { usageFault } from '../model/fault.js';
import { type HostAddress, parseHostAddress } from './address.js';
import { configPlaces, type ConfigPlaces, sshSettings, type SshSettings } from './config.js';
import { SshConnection } from './connection.js';
import { HostLost } from './host-lost.js';
import { credentialsFor } from './keys.js';
import {
  type HostKeyFinding,
  judgeHostKey,
  knownKeyTypes,
  type KnownHostsFile,
  lookupName,
  typeOf,
} from './known-hosts.js';

const MOST_JUMPS = 8;
const KNOWN_HOSTS_MOST_CHARACTERS = 16 * 1024 * 1024;

/** ssh2 takes 0.1 s to load, so it is loaded on demand. */
async function ssh2() {
  return (await import('ssh2')).default;
}

/**
 * Connects to a host and logs in, after the user's ssh configuration: host keys must be known, keys come from files and
 * the agent, nothing is asked. Throws a usage fault for what the user has to change (configuration, host key, keys), and
 * {@link HostLost} for a host that cannot be reached.
 */
export async function connectSsh(
  address: HostAddress,
  { places = configPlaces() }: { readonly places?: ConfigPlaces } = {},
): Promise<SshConnection> {
  return connectThrough(address, { places, depth: 0 });
}

async function connectThrough(
  address: HostAddress,
  { places, depth, sock }: { readonly places: ConfigPlaces; readonly depth: number; readonly sock?: Duplex },
): Promise<SshConnection> {
  const settings = await sshSettings(address, places);
  if (depth > MOST_JUMPS) {
    throw usageFault(
      `cannot use host "${address.given}": its ProxyJump leads through more than ${MOST_JUMPS} hosts; correct the ssh configuration`,
    );
  }
  if (sock !== undefined || settings.jumps.length === 0) return logIn(settings, sock);
  // Each jump is connected through the one before it.
  let through: SshConnection | undefined;
  const opened: SshConnection[] = [];
  try {
    for (const jump of settings.jumps) {
      const next = parseHostAddress(jump.includes('://') ? jump : `ssh://${jump.trim()}`);
      const inner =
        through === undefined ? undefined : await tunnel(through, await sshSettings(next, places));
      through = await connectThrough(next, {
        places,
        depth: depth + 1,
        ...(inner === undefined ? {} : { sock: inner }),
      });
      opened.push(through);
    }
    if (through === undefined) throw new Error('no jump');
    const connection = await logIn(settings, await tunnel(through, settings));
    const close = connection.close.bind(connection);
    connection.close = () => {
      close();
      for (const one of opened.toReversed()) one.close();
    };
    return connection;
  } catch (error) {
    for (const one of opened.toReversed()) one.close();
    throw error;
  }
}

/** Throws {@link HostLost} for the host behind the jump when only that one cannot be reached. */
async function tunnel(through: SshConnection, { given, hostName, port }: SshSettings): Promise<Duplex> {
  try {
    return await through.connectTcp(hostName, port);
  } catch (error) {
    if (through.ended !== undefined || !(error instanceof HostLost && 'reason' in error)) throw error;
    const said = error.cause instanceof Error ? foldLine(error.cause.message) : 'no reason given';
    const why = `its jump host "${through.host}" does not reach ${hostName} port ${port} (${said})`;
    throw new HostLost(given, why, error);
  }
}

async function logIn(settings: SshSettings, sock: Duplex | undefined): Promise<SshConnection> {
  const library = await ssh2();
  const { given, hostName, port, user } = settings;
  const files = await knownHosts(settings.knownHostsFiles);
  const server = { name: settings.hostKeyName, port: settings.hostKeyPort };
  const credentials = await credentialsFor(settings, library);
  const client = new library.Client();
  let finding: { readonly finding: HostKeyFinding; readonly key: Buffer } | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve);
      client.on('error', reject);
      client.once('close', () => reject(new Error('the server closed the connection')));
      client.connect({
        ...(sock === undefined ? { host: hostName, port } : { sock }),
        username: user,
        readyTimeout: settings.connectMs,
        keepaliveInterval: settings.serverAlive.intervalMs,
        keepaliveCountMax: settings.serverAlive.count,
        algorithms: { serverHostKey: algorithmsFor(knownKeyTypes(files, server)) },
        hostVerifier: (key: Buffer) => {
          finding = { finding: judgeHostKey(files, server, key), key };
          return finding.finding.kind === 'known';
        },
        authHandler: credentials.methods,
      });
    });
  } catch (error) {
    client.on('error', () => undefined);
    client.destroy();
    if (finding !== undefined && finding.finding.kind !== 'known') {
      throw usageFault(untrusted(settings, { ...finding, files }), error);
    }
    if (isOfLogin(error)) {
      const locked = credentials.encrypted.map((file) => `ssh-add ${file}`);
      const remedy =
        locked.length > 0
          ? `a key with a passphrase is used through the agent only: ${locked.join('; ')}`
          : `let "ssh -o BatchMode=yes ${given}" succeed first (ssh-copy-id, IdentityFile, ssh-add)`;
      throw usageFault(
        `cannot log in on host "${given}" as "${user}": it takes none of the keys (${credentials.offered}); ${remedy}`,
        error,
      );
    }
    throw new HostLost(given, `${hostName} port ${port}: ${reasonOf(error)}`, error);
  }
  client.removeAllListeners('error');
  client.removeAllListeners('close');
  const fingerprint = finding === undefined ? '' : fingerprintOf(finding.key);
  return new SshConnection(client, { host: given, fingerprint });
}

function isOfLogin(error: unknown): boolean {
  return error instanceof Error && 'level' in error && error.level === 'client-authentication';
}

function reasonOf(error: unknown): string {
  const code = errnoOf(error);
  if (code === 'ECONNREFUSED') return 'the connection was refused: no ssh server there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name is not known';
  if (code === 'ETIMEDOUT' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return `no way there (${code})`;
  return foldLine(messageOf(error));
}

/** `SHA256:...`, as ssh-keygen -l prints it. */
function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

function untrusted(
  { given, hostKeyName, hostKeyPort }: SshSettings,
  { finding, key, files }: { finding: HostKeyFinding; key: Buffer; files: readonly KnownHostsFile[] },
): string {
  const name = lookupName({ name: hostKeyName, port: hostKeyPort });
  const shown = `${typeOf(key).replaceAll(/[^\w@.-]/g, '?')} ${fingerprintOf(key)}`;
  const refuse = (why: string, remedy: string) => `cannot trust host "${given}": ${why}; ${remedy}`;
  switch (finding.kind) {
    case 'revoked':
      return refuse(`its key ${shown} is revoked (${finding.where})`, 'ask its owner for a new one');
    case 'changed':
      return refuse(
        `its key ${shown} is not the one in ${finding.where}: another machine may answer in its place`,
        `if its owner confirms the new key: ssh-keygen -R '${name}', then ssh ${given} once`,
      );
    case 'other-type':
      return refuse(
        `its key ${shown} is of another type than those known (${finding.types.join(', ')}, ${finding.where})`,
        `compare the key with its owner's, then add it (ssh-keyscan)`,
      );
    case 'unknown':
    case 'known':
      return refuse(
        `its key ${shown} is not in ${files.map(({ path }) => path).join(', ') || 'any file of known hosts'}`,
        `compare it with its owner's, then connect once with ssh ${given}, which stores it`,
      );
  }
}

async function knownHosts(paths: readonly string[]): Promise<KnownHostsFile[]> {
  const files: KnownHostsFile[] = [];
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined && text.length <= KNOWN_HOSTS_MOST_CHARACTERS) files.push({ path, text });
  }
  return files;
}

/** Signature algorithms by type of key; those of known keys first, so that a known key is the one that is shown. */
const ALGORITHMS: readonly (readonly [type: string, algorithms: readonly ServerHostKeyAlgorithm[]])[] = [
  ['ssh-ed25519', ['ssh-ed25519']],
  ['ecdsa-sha2-nistp256', ['ecdsa-sha2-nistp256']],
  ['ecdsa-sha2-nistp384', ['ecdsa-sha2-nistp384']],
  ['ecdsa-sha2-nistp521', ['ecdsa-sha2-nistp521']],
  ['ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256']],
];

function algorithmsFor(known: readonly string[]): ServerHostKeyAlgorithm[] {
  const isKnown = ([type]: (typeof ALGORITHMS)[number]) => known.includes(type);
  return [...ALGORITHMS.filter(isKnown), ...ALGORITHMS.filter((one) => !isKnown(one))].flatMap(
    ([, algorithms]) => algorithms,
  );
}
