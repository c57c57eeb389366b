/** Guests on hosts over ssh: a server of the test's own on 127.0.0.1, behind a network that is slow or ends. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { crashpath, KERNELS, resultsOf, start } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { runScenario } from '../testing/guests/run-scenario.js';
import { eventually, qemusUnder } from '../testing/processes.js';
import { startSshServer, writeClientConfig } from '../testing/ssh-server.js';
import { startProxy } from '../testing/tcp-proxy.js';

/** A server that the command reaches as `box`, through a proxy. */
async function box(t: Test, delayMs = 0) {
  const server = await startSshServer(t);
  const proxy = await startProxy(t, server.port, { delayMs });
  const config = await writeClientConfig(
    { ...server, port: proxy.port },
    { name: 'behind', lines: ['HostKeyAlias box'] },
  );
  const cache = join(server.home, '.cache/crashpath');
  const runs = () => readdir(join(cache, 'runs')).catch(() => []);
  return { server, proxy, environment: { CRASHPATH_SSH_CONFIG: config }, cache, runs };
}

t.test('a guest on a distant host is judged as one here, and leaves nothing there', async (t) => {
  const { environment, cache, runs } = await box(t, 10);
  const { result, exitCode, facts, stderr } = await runScenario(t, 'sysrq-task', {
    words: ['--host', 'box'],
    environment,
  });
  t.equal(exitCode, 0, stderr);
  t.match(result, { verdict: 'captured', host: 'box', outcome: 'expected' });
  t.ok(
    facts.some((fact) => fact.includes('"fact":"host-time"') && fact.includes('"vcpu1"')),
    'the host time of its vCPUs is known',
  );
  t.ok(facts.some((fact) => /"fact":"qemu-started","pid":\d+,"host":"box"/.test(fact)));
  t.ok((await readdir(result.directory)).includes('qemu-debug.log'), "QEMU's log is with the recording");
  const atMs = (fact: string) =>
    Number(/"atMs":([\d.]+)/.exec(facts.find((each) => each.includes(fact)) ?? '')?.[1]);
  t.ok(atMs('"fact":"ended"') - atMs('"fact":"qemu-exit"') < 20_000, 'its UARTs end with QEMU');
  t.strictSame(await runs(), []);
  t.ok((await readdir(join(cache, 'files'))).every((name) => /^[0-9a-f]{64}$/.test(name)));
});

t.test('a debugger is attached there more than once: to prove a state, and to steer', async (t) => {
  const { environment } = await box(t);
  const { result, exitCode, stderr } = await runScenario(t, 'nmi-in-crash-kexec', {
    words: ['--host', 'box', '--vmcore', 'nonce'],
    environment,
  });
  t.equal(exitCode, 0, stderr);
  t.match(result, { verdict: 'captured', host: 'box', outcome: 'expected' });
});

t.test('a campaign goes on without a host that is lost, and --resume repeats what was lost', async (t) => {
  const { proxy, environment, cache, runs } = await box(t);
  const out = await scratch(t);
  const words = ['run', 'no-crash-kernel', '-k', KERNELS.six1, '--out', out, '--name', 'two'];
  const running = start(
    [...words, '--repeat', '3', '--host', 'box', '--host', 'local', '--jobs', '1', '--json'],
    { environment },
  );
  const there = await eventually(async () => {
    const pids = await qemusUnder(cache);
    return pids.length > 0 && (await qemusUnder(out)).length > 0 ? pids : undefined;
  }, 180_000);
  t.equal(there?.length, 1, 'a guest runs on each host');
  proxy.stop();
  const ended = await running;
  t.equal(ended.exitCode, 3, ended.stderr);
  t.match(ended.stderr, /host box is lost and gets no more runs/);
  const results = resultsOf(ended.stdout);
  t.match(
    results.filter(({ host }) => host === 'box'),
    [{ verdict: 'harness-error', detail: 'host-lost', explanation: /host box was lost during the run/ }],
  );
  t.strictSame(
    results.filter(({ host }) => host === undefined).map(({ verdict }) => verdict),
    ['no-crash-kernel', 'no-crash-kernel'],
    'the others ran here',
  );
  t.strictSame(await qemusUnder(cache), [], 'no QEMU is left there');
  t.strictSame(await runs(), []);
  const resumed = await crashpath(['run', '--resume', join(out, 'two'), '--json'], { environment });
  t.equal(resumed.exitCode, 0, resumed.stderr);
  t.match(resumed.stderr, /1 of 3 runs left/);
  t.match(resumed.stderr, /cannot use host "box"/);
  t.match(resultsOf(resumed.stdout), [{ runId: /\.2$/, verdict: 'no-crash-kernel', host: undefined }]);
});
