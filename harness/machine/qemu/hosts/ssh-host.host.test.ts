/** Hosts over ssh, on a server of the test's own; in QEMU's place are scripts. */
import { mkdir, readdir, readFile, readlink, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { checkThere } from '../../../doctor/check-there.js';
import { connectSsh } from '../../../ssh/connect.js';
import { parseHostAddress } from '../../../ssh/address.js';
import { configPlaces } from '../../../ssh/config.js';
import { writeProgram } from '../../../testing/files.js';
import { eventually, processesNamed } from '../../../testing/processes.js';
import { type SshServer, startSshServer, writeClientConfig } from '../../../testing/ssh-server.js';
import { startProxy } from '../../../testing/tcp-proxy.js';
import { sshHost } from './ssh-host.js';

/** The host ends what is left within this time. */
const GONE_MS = 10_000;
/** No process has it: beyond the largest number (PID_MAX_LIMIT). */
const GONE_PID = 4_194_305;

function hostWith(t: Test, userConfig: string) {
  const places = { ...configPlaces(), userConfig, systemConfig: '/dev/null', agent: undefined };
  const host = sshHost(parseHostAddress('box'), { connect: (address) => connectSsh(address, { places }) });
  t.teardown(() => host.close());
  return host;
}

/** A place behind a connection of its own, with a script that runs in QEMU's place. */
async function placeBehindProxy(
  t: Test,
  { script, delayMs = 0, server: given }: { script: string; delayMs?: number; server?: SshServer },
) {
  const server = given ?? (await startSshServer(t));
  const proxy = await startProxy(t, server.port, { delayMs });
  const config = await writeClientConfig(
    { ...server, port: proxy.port },
    { name: 'behind', lines: ['HostKeyAlias box'] },
  );
  const host = hostWith(t, config);
  const place = await host.openPlace({ directory: t.testdir({}) });
  const qemu = await writeProgram(join(server.folder, 'qemu'), script);
  const runs = join(server.home, '.cache/crashpath/runs');
  const left = async () => {
    const processes = [...(await processesNamed(qemu)), ...(await processesNamed(runs))];
    return [...processes.map(String), ...(await readdir(runs))];
  };
  const isGone = async () => ((await left()).length === 0 ? true : undefined);
  return { server, proxy, host, place, qemu, runs, left, isGone };
}

/** A program that does not end, by TERM neither, with a child that does not either. */
const STUBBORN = "trap '' TERM\nsleep 1000 &\n: >ready\nwhile :; do sleep 1000; done\n";

void t.test('the host ends QEMU and removes its directory when the connection is cut', async (t) => {
  const { proxy, place, qemu, left, isGone } = await placeBehindProxy(t, { script: STUBBORN });
  const { pid, exited } = await place.start(qemu, []);
  t.ok(pid > 0);
  t.ok((await left()).length > 1, 'it runs, in a directory');
  proxy.cut();
  t.match(await exited, { lost: String });
  t.ok(await eventually(isGone, GONE_MS), `what is left: ${(await left()).join(' ')}`);
});

void t.test('and when nothing comes through it any more', async (t) => {
  const { proxy, place, qemu, left, isGone } = await placeBehindProxy(t, { script: 'exec sleep 1000\n' });
  const { exited } = await place.start(qemu, []);
  proxy.stall();
  t.ok(await eventually(isGone, GONE_MS), `what is left: ${(await left()).join(' ')}`);
  t.match(await exited, { lost: /timeout|closed/i }, 'and here it is seen a little later');
});

void t.test('and when its supervisor is killed', async (t) => {
  const { place, qemu, left, isGone, runs } = await placeBehindProxy(t, { script: 'exec sleep 1000\n' });
  const { exited } = await place.start(qemu, []);
  const [directory = ''] = await readdir(runs);
  const supervisors = await processesNamed(`\0crashpath\0${directory}\0`);
  t.ok(supervisors.length > 0);
  for (const pid of supervisors.slice(0, 1)) process.kill(pid, 'SIGKILL');
  t.match(await exited, { lost: String });
  t.ok(await eventually(isGone, GONE_MS), `what is left: ${(await left()).join(' ')}`);
});

void t.test('and when its directory is removed', async (t) => {
  const { place, qemu, left, isGone, runs } = await placeBehindProxy(t, { script: STUBBORN });
  const { exited } = await place.start(qemu, []);
  for (const name of await readdir(runs)) await rm(join(runs, name), { recursive: true, maxRetries: 20 });
  t.match(await exited, { lost: /its directory there was removed/ });
  t.ok(await eventually(isGone, GONE_MS), `what is left: ${(await left()).join(' ')}`);
});

void t.test('the end of QEMU is reported, with its last words', async (t) => {
  const ended = async (script: string) => {
    const made = await placeBehindProxy(t, { script });
    const qemu = await made.place.start(made.qemu, ['-kernel', made.qemu]);
    const [directory = ''] = await readdir(made.runs);
    const isReady = async () =>
      (await readdir(join(made.runs, directory))).includes('ready') ? true : undefined;
    if (script.includes('ready')) await eventually(isReady, GONE_MS);
    const end = await (script.includes('sleep') ? qemu.stop() : qemu.exited);
    await made.place.close();
    t.ok(await eventually(made.isGone, GONE_MS));
    return end;
  };
  t.match(await ended('echo no such machine >&2; exit 3\n'), {
    code: 3,
    signal: null,
    stderr: 'no such machine\n',
  });
  t.match(await ended('exec sleep 1000\n'), { code: null, signal: 'SIGTERM' });
  t.match(await ended(STUBBORN), { code: null, signal: 'SIGKILL' });
  t.match(await ended('kill -SEGV $$\n'), { code: null, signal: 'SIGSEGV' });
});

void t.test('no byte of a UART is lost, whatever the latency, nor what came last', async (t) => {
  const script = [
    'exec 3<>console.out 4<>console.in 5<>control.out 6<>control.in',
    'read -r word <&4',
    'i=0; while [ $i -lt 20000 ]; do echo "$word $i"; i=$((i+1)); done >&3',
    'printf "the end" >&3',
  ].join('\n');
  const { place, qemu } = await placeBehindProxy(t, { script, delayMs: 40 });
  const chunks: Buffer[] = [];
  const uart = await place.openUart('console', (bytes) => chunks.push(bytes));
  const control = await place.openUart('control', () => undefined);
  const { exited } = await place.start(qemu, []);
  let continued = false;
  await place.begin(async () => {
    continued = true;
  });
  t.equal(continued, true);
  uart.send(Buffer.from('line\n'));
  t.match(await exited, { code: 0 });
  await Promise.all([uart.close(), control.close()]);
  const wanted = `${Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join('')}the end`;
  t.equal(Buffer.concat(chunks).toString(), wanted);
  await place.close();
});

void t.test(
  'files are uploaded once and checked; a directory of a host that was reset is removed',
  async (t) => {
    const { server, host, place, qemu, runs } = await placeBehindProxy(t, { script: 'exec sleep 1000\n' });
    const kernel = join(server.folder, 'kernel');
    await writeFile(kernel, Buffer.alloc(3_000_000, 'k'));
    await place.start(qemu, ['-kernel', kernel, '-initrd', kernel]);
    const files = join(server.home, '.cache/crashpath/files');
    const [name = ''] = await readdir(files);
    t.strictSame(await readdir(files), [name]);
    t.match(name, /^[0-9a-f]{64}$/);
    await rm(join(files, name));
    await writeFile(join(files, name), 'damaged');
    await place.close();
    // Another process looks again.
    const again = hostWith(t, join(server.folder, 'behind'));
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const space = await readlink('/proc/self/ns/pid');
    const directories = {
      dead: [`${GONE_PID} ${boot} ${space}`, 0],
      alive: [`${process.pid} ${boot} ${space}`, 5],
      'other-boot': [`${GONE_PID} another-boot ${space}`, 0],
      'other-namespace': [`${GONE_PID} ${boot} pid:[1]`, 0],
      'other-boot-silent-for-days': [`${process.pid} another-boot ${space}`, 5],
      'without-namespace': [`${process.pid} another-boot`, 5],
    } as const;
    for (const [directory, [owner, days]] of Object.entries(directories)) {
      await mkdir(join(runs, directory));
      const at = new Date(Date.now() - days * 86_400_000);
      for (const [file, text] of [
        ['owner', owner],
        ['beat', '1'],
      ] as const) {
        await writeFile(join(runs, directory, file), `${text}\n`);
        await utimes(join(runs, directory, file), at, at);
      }
    }
    const second = await again.openPlace({ directory: t.testdir({}) });
    const left = (await readdir(runs)).filter((directory) => directory in directories);
    t.strictSame(left.sort(), ['alive', 'other-boot', 'other-namespace'], 'others may share the home');
    for (const directory of left) await rm(join(runs, directory), { recursive: true });
    await rm(join(files, name));
    await mkdir(join(files, name, 'inside'), { recursive: true });
    await second.start(qemu, ['-kernel', kernel]);
    t.strictSame(await readdir(files), [name], 'what was in its place was replaced, nothing else is there');
    const sum = await execa('sha256sum', [join(files, name)]);
    t.match(sum.stdout, new RegExp(`^${name} `));
    await second.close();
    host.close();
  },
);

void t.test('a host that is not trusted, or does not let in, is refused with the remedy', async (t) => {
  const server = await startSshServer(t);
  const refused = async (name: string, lines: readonly string[], says: RegExp) => {
    const host = hostWith(t, await writeClientConfig(server, { name, lines }));
    await t.rejects(host.facts(), { kind: 'usage', message: says }, name);
  };
  const known = join(server.folder, 'other_hosts');
  await writeFile(known, '');
  await refused(
    'unknown',
    [`UserKnownHostsFile ${known}`],
    /cannot trust host "box": its key ssh-ed25519 SHA256:.* is not in .*; compare it/,
  );
  const key = join(server.folder, 'other_key');
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', key]);
  const { stdout: publicKey } = await execa('cat', [`${key}.pub`]);
  await writeFile(known, `[127.0.0.1]:${server.port} ${publicKey.split(' ').slice(0, 2).join(' ')}\n`);
  await refused(
    'changed',
    [`UserKnownHostsFile ${known}`],
    /is not the one in .*other_hosts:1: another machine may answer.*ssh-keygen -R '\[127/,
  );
  await execa('ssh-keygen', ['-H', '-f', server.knownHosts]);
  const hashed = hostWith(t, server.clientConfig);
  t.match(await hashed.facts(), { cpus: Number }, 'hashed names are read');
  const locked = await writeClientConfig({ ...server, clientKey: key }, { name: 'locked' });
  await t.rejects(hostWith(t, locked).facts(), {
    kind: 'usage',
    message:
      /takes none of the keys \(no key\); a key with a passphrase is used through the agent only: ssh-add .*other_key/,
  });
  const nowhere = await writeClientConfig({ ...server, port: 1 }, { name: 'nowhere' });
  await t.rejects(hostWith(t, nowhere).facts(), { name: 'HostLost', message: /no ssh server there/ });
});

void t.test(
  'a shell that prints before the answers is refused, one that warns on stderr is not',
  async (t) => {
    const greets = async (greeting: string) => {
      const server = await startSshServer(t, {
        lines: [`ForceCommand ${greeting}; eval "$SSH_ORIGINAL_COMMAND"`],
      });
      return hostWith(t, server.clientConfig);
    };
    await t.rejects((await greets('echo Welcome')).facts(), {
      kind: 'usage',
      message: /its shell prints "Welcome" before the answers of commands; let ~\/\.bashrc/,
    });
    t.match(await (await greets('echo Welcome >&2')).facts(), { cpus: Number });
  },
);

void t.test('through another host, with a key that only the agent can use', async (t) => {
  const server = await startSshServer(t);
  const agent = join(server.folder, 'agent');
  const { stdout: said } = await execa('ssh-agent', ['-a', agent, '-s']);
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(said)?.[1]);
  t.teardown(() => process.kill(pid));
  const [other, env] = [join(server.folder, 'other'), { SSH_AUTH_SOCK: agent }];
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other]);
  await execa('ssh-add', [other], { env });
  await execa('ssh-add', [server.clientKey], { env });
  await execa('ssh-keygen', ['-q', '-p', '-N', 'secret', '-f', server.clientKey]);
  const config = await writeClientConfig(server, { name: 'agent_config', lines: [`IdentityAgent ${agent}`] });
  const jump = ['Host inner', '  ProxyJump box', '  HostKeyAlias box', ''].join('\n');
  const inner = (await readFile(config, 'utf8')).replace('Host box', 'Host *');
  await writeFile(config, `${jump}${inner}`);
  const places = { ...configPlaces(), userConfig: config, systemConfig: '/dev/null', agent: undefined };
  // ssh finds the agent's key by the public half of a locked key, or by a public key that is named alone.
  for (const identity of [server.clientKey, `${server.clientKey}.pub`]) {
    const only = await writeClientConfig(
      { ...server, clientKey: identity },
      { name: 'only_config', lines: [`IdentityAgent ${agent}`] },
    );
    const half = `${server.clientKey}.pub`;
    if (identity === server.clientKey) await rename(half, `${half}.away`);
    (await connectSsh(parseHostAddress('box'), { places: { ...places, userConfig: only } })).close();
    if (identity === server.clientKey) await rename(`${half}.away`, half);
  }
  const stranger = await writeClientConfig(
    { ...server, clientKey: `${server.folder}/stranger` },
    { name: 'stranger_config', lines: [`IdentityAgent ${agent}`] },
  );
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', `${server.folder}/stranger`]);
  await t.rejects(connectSsh(parseHostAddress('box'), { places: { ...places, userConfig: stranger } }), {
    message: /key/,
  });
  const connection = await connectSsh(parseHostAddress('inner'), { places });
  const { stdout, status } = await connection.run(
    { text: 'echo "$1"', args: ["it's $HOME"] },
    { deadlineMs: 20_000 },
  );
  t.strictSame([stdout.toString(), status], ["it's $HOME\n", 0], 'words are words');
  await t.rejects(connection.run({ text: 'yes' }, { deadlineMs: 20_000, mostBytes: 10_000 }), {
    message: /printed more than 10000 bytes/,
  });
  await t.rejects(connection.run({ text: 'sleep 100' }, { deadlineMs: 200 }), { message: /within 200 ms/ });
  await writeFile(config, `${jump.replace('HostKeyAlias', 'Port 1\n  HostKeyAlias')}${inner}`);
  await t.rejects(connectSsh(parseHostAddress('inner'), { places }), {
    host: 'inner',
    message: /its jump host "ssh:\/\/box" does not reach 127\.0\.0\.1 port 1 \(/,
  });
  connection.close();
  await t.rejects(connection.run({ text: 'true' }, { deadlineMs: 200 }), { name: 'HostLost' });
});

void t.test('doctor says what is wrong with a host', async (t) => {
  const server = await startSshServer(t, { lines: ['AllowStreamLocalForwarding no'] });
  const report = await checkThere(hostWith(t, server.clientConfig), {
    qemuBinary: 'qemu-system-x86_64',
    cacheDir: t.testdir({}),
    accel: 'auto',
  });
  t.equal(report.status, 'warn');
  const of = (name: string) => report.checks.find((check) => check.name === name);
  t.match(of('ssh'), { status: 'ok', found: /host key SHA256:/ });
  t.match(of('supervisor'), { status: 'ok' });
  t.match(of('Unix sockets'), {
    status: 'warn',
    found: /does not forward them/,
    remedy: /AllowStreamLocalForwarding yes/,
  });
  // There and not back: OpenSSH refuses Unix sockets in the directions in which it forwards no TCP.
  const oneWay = await startSshServer(t, { lines: ['AllowTcpForwarding local'] });
  const { checks: ofOneWay } = await checkThere(hostWith(t, oneWay.clientConfig), {
    ...{ qemuBinary: 'qemu-system-x86_64', cacheDir: t.testdir({}), accel: 'tcg' },
  });
  t.match(
    ofOneWay.find(({ name }) => name === 'Unix sockets'),
    { status: 'warn', remedy: /AllowTcpForwarding yes/ },
  );
  t.match(of('programs'), { status: 'ok' });
  t.match(of('QEMU'), { status: 'ok' });
  const none = await checkThere(hostWith(t, server.clientConfig), {
    qemuBinary: '/no/qemu',
    cacheDir: t.testdir({}),
    accel: 'auto',
  });
  const found = none.checks.find((check) => check.name === 'QEMU');
  t.match(found, { status: 'fail', found: /"\/no\/qemu" on host "box": it is not there/ });
  t.equal(none.status, 'fail');
  const gone = await writeClientConfig({ ...server, port: 1 }, { name: 'gone' });
  const { checks } = await checkThere(hostWith(t, gone), {
    qemuBinary: 'qemu-system-x86_64',
    cacheDir: t.testdir({}),
    accel: 'tcg',
  });
  t.match(checks, [{ status: 'fail', found: /no ssh server there$/, remedy: /docs\/hosts\.md/ }]);
});

void t.test('doctor opens as many sessions as a run', async (t) => {
  const supervisorOf = async (lines: readonly string[]) => {
    const { clientConfig } = await startSshServer(t, { lines });
    const options = { qemuBinary: 'qemu-system-x86_64', cacheDir: t.testdir({}), accel: 'tcg' } as const;
    const report = await checkThere(hostWith(t, clientConfig), options);
    return report.checks.find(({ name }) => name === 'supervisor');
  };
  t.match(await supervisorOf(['MaxSessions 6']), { status: 'fail', found: /is MaxSessions below 10/ });
  t.match(await supervisorOf(['MaxSessions 10']), { status: 'ok' });
});
