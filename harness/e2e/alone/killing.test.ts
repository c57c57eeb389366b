/** What depends on when something happens: no other guest runs beside these. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { crashpath, KERNELS, resultsOf, start } from '../../testing/crashpath-command.js';
import { scratch } from '../../testing/files.js';
import { eventually, qemusUnder } from '../../testing/processes.js';

/** How often crashpath is killed at a random moment; the full measure is 10, CI takes fewer. */
const KILLS = Number(process.env['CRASHPATH_TEST_KILLS'] ?? '4');
/** A full cycle takes about this long here; a later moment kills nothing. */
const CYCLE_MS = 14_000;

async function firstQemu(out: string): Promise<number> {
  const pids = await eventually(async () => {
    const found = await qemusUnder(out);
    return found.length > 0 ? found : undefined;
  }, 60_000);
  if (pids?.[0] === undefined) throw new Error('QEMU never started');
  return pids[0];
}

async function storedRuns(out: string): Promise<string[]> {
  const runs: string[] = [];
  for (const campaign of await readdir(out)) {
    if (campaign.startsWith('.')) continue;
    const entries = await readdir(join(out, campaign), { withFileTypes: true });
    runs.push(...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(out, campaign, name)));
  }
  return runs;
}

t.test('a QEMU that is killed is the harness’s error, never a kernel verdict', async (t) => {
  const out = await scratch(t);
  const running = start(['run', 'sysrq-task', '-k', KERNELS.six1, '--out', out, '--json']);
  const pid = await firstQemu(out);
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  process.kill(pid, 'SIGKILL');
  const ended = await running;
  t.equal(ended.exitCode, 3, ended.stderr);
  t.match(resultsOf(ended.stdout), [
    { verdict: 'harness-error', detail: 'qemu-died', outcome: 'harness-error' },
  ]);
});

t.test(`SIGKILL of crashpath at ${KILLS} random moments`, async (t) => {
  const out = await scratch(t);
  for (let kill = 1; kill <= KILLS; kill++) {
    const atMs = Math.round(Math.random() * CYCLE_MS);
    const running = start(['run', 'sysrq-task', '-k', KERNELS.six1, '--out', out]);
    await firstQemu(out);
    await new Promise((resolve) => setTimeout(resolve, atMs));
    running.kill('SIGKILL');
    await running;
    const gone = await eventually(
      async () => ((await qemusUnder(out)).length === 0 ? true : undefined),
      5_000,
    );
    t.ok(gone, `no QEMU 5 s after a kill at ${atMs} ms`);
  }
  const runs = await storedRuns(out);
  t.equal(runs.length, KILLS, 'every run left its directory');
  for (const run of runs) {
    const shown = await crashpath(['show', run]);
    t.equal(shown.exitCode, 0, shown.stderr);
    const judged = await crashpath(['classify', run, '--json']);
    const [result] = resultsOf(judged.stdout);
    t.ok(
      result?.verdict === 'harness-error' || result?.verdict === 'captured',
      `a run that was cut off is no kernel verdict, unless it was proved already: ${result?.verdict}`,
    );
  }
});

t.test('Ctrl-C leaves a campaign that can be resumed', async (t) => {
  const out = await scratch(t);
  const running = start([
    ...['run', 'no-crash-kernel', '-k', KERNELS.six1, '--out', out],
    ...['--name', 'stopped', '--repeat', '2', '--jobs', '1'],
  ]);
  await firstQemu(out);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  running.kill('SIGINT');
  const ended = await running;
  t.equal(ended.exitCode, 130, ended.stderr);
  t.match(ended.stderr, /--resume/, 'the command to resume is named');
  t.strictSame(await qemusUnder(out), [], 'no QEMU is left');
  const resumed = await crashpath(['run', '--resume', join(out, 'stopped'), '--json']);
  t.equal(resumed.exitCode, 0, resumed.stderr);
  const results = resultsOf(resumed.stdout);
  t.strictSame(
    results.map(({ verdict }) => verdict),
    ['no-crash-kernel', 'no-crash-kernel'],
  );
  const [again] = results;
  t.match(again?.runId, /\.2$/, 'the interrupted run was repeated, next to its first recording');
  const none = await crashpath(['run', '--resume', join(out, 'stopped')]);
  t.equal(none.exitCode, 0);
  t.match(none.stderr, /0 of 2 runs left/);
});
