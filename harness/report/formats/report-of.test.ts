import t from 'tap';
import { HUNG, madeNight, madeReport, mixedRuns, stored, VOID } from '../../testing/builders/reports.js';
import { NightVerdictsSchema } from '../../model/night-verdict.js';

t.test('cells of runs, the worst first, each with the status of its worst run', async (t) => {
  const { cells, night } = madeReport(mixedRuns());
  t.equal(night, undefined);
  t.strictSame(
    cells.map(({ scenario, place, status, runs }) => [scenario, place, status, runs.length]),
    [
      ['lock-held', 'broken', 'failed', 2],
      ['pmu', 'stock', 'error', 1],
      ['nic', 'stock', 'skipped', 1],
      ['cut', 'stock', 'skipped', 1],
      ['sysrq-task', 'stock', 'passed', 2],
    ],
  );
  const [failed, , , cut] = cells;
  t.match(
    failed?.headline,
    /^crash-path-hang\/all-vcpus-halted, expected captured.*: the crash path is stuck/,
  );
  t.equal(failed?.rate, '1 of 2 not captured (50 %, 95 % interval 1.3 % to 99 %)');
  t.equal(failed?.verdicts, '1 captured, 1 crash-path-hang');
  t.match(failed?.reproduce, /^crashpath run lock-held --kernel \.\/broken /);
  t.equal(cut?.headline, 'no verdict: the run was cut off');
  t.equal(cut?.rate, 'no run was judged');
});

t.test('the console of a run is shown with the cited line, and not of a run that passed', async (t) => {
  const { cells } = madeReport(mixedRuns());
  const [passed, failed] = cells[0]?.runs ?? [];
  t.strictSame(passed?.console, []);
  const cited = failed?.console.filter(({ decides }) => decides);
  t.equal(cited?.length, 1);
  t.match(cited?.[0]?.text, /Kernel panic - not syncing/);
});

t.test('kernels of one label are told apart; a run that is only planned is not called cut off', async (t) => {
  const { plan, ...one } = stored({ kernel: 'broken' });
  if (plan === undefined) throw new Error('no plan');
  const kernel = { ...plan.kernel, label: 'stock' };
  const patched = { ...one, plan: { ...plan, kernel, captureKernel: kernel } };
  const waiting = { ...stored({ scenario: 'later' }), result: undefined, begun: false };
  const { cells } = madeReport([stored(), patched, waiting]);
  t.strictSame(
    cells.map(({ place, headline }) => [place, headline.slice(0, 8)]),
    [
      ['stock [aaaaaaaa]', 'not run:'],
      ['stock [aaaaaaaa]', 'captured'],
      ['stock [bbbbbbbb]', 'captured'],
    ],
  );
});

t.test("a night's words decide: a regression fails, a suspicion neither passes nor fails", async (t) => {
  const made = NightVerdictsSchema.parse(madeNight());
  const { cells, night, startedAt } = madeReport(mixedRuns(), made);
  t.equal(startedAt, made.startedAt);
  t.equal(night?.controls[0]?.status, 'passed');
  t.strictSame(
    cells.map(({ word, status, runs }) => [word, status, runs.length]),
    [
      ['regressed', 'failed', 2],
      ['suspect', 'skipped', 0],
      ['cannot-tell', 'skipped', 1],
      ['fixed', 'passed', 0],
      ['unchanged', 'passed', 1],
    ],
  );
});

t.test('in a blind night no cell passes or fails, and the control is an error', async (t) => {
  const [control] = madeNight().controls;
  const { cells, night } = madeReport(
    mixedRuns(),
    madeNight({
      blind: true,
      blindBecause: ['no-zap captured'],
      controls: control === undefined ? [] : [{ ...control, held: false }],
    }),
  );
  t.strictSame([...new Set(cells.map(({ status }) => status))], ['skipped']);
  t.match(cells[0]?.headline, /^not judged, the night is blind \(regressed: 19 of 20/);
  t.equal(night?.controls[0]?.status, 'error');
  t.match(night?.controls[0]?.headline, /^must capture; it did not: /);
});

t.test('in a night an expected hang shows its console, a void does not', async (t) => {
  const consoleOf = (result: typeof HUNG | typeof VOID, outcome: 'expected' | 'inconclusive') => {
    const run = { ...stored({ result: { ...result, outcome } }), path: 'sysrq-task-stock-1' };
    const { cells } = madeReport([run], madeNight());
    return cells.find(({ scenario }) => scenario === 'sysrq-task')?.runs[0]?.console.length;
  };
  t.ok((consoleOf(HUNG, 'expected') ?? 0) > 5);
  t.equal(consoleOf(VOID, 'inconclusive'), 0);
});

t.test("a night's runs lie below it", async (t) => {
  const [cell] = madeNight().cells;
  const accepts = (run: string) =>
    NightVerdictsSchema.safeParse(madeNight({ cells: cell === undefined ? [] : [{ ...cell, runs: [run] }] }))
      .success;
  t.ok(accepts('campaign/001..x'));
  for (const bad of ['/etc', '../other/001', 'campaign/../../x', '']) t.notOk(accepts(bad));
});

t.test(
  'an end that a sweep asked for is no failure; a control and a void run stay what they are',
  async (t) => {
    const runs = [
      stored({ scenario: 'crash-locks-000-itself', result: HUNG }),
      stored({ scenario: 'crash-locks-record-1', result: HUNG }),
      stored({ scenario: 'crash-locks-001-itself', result: VOID }),
      stored({ scenario: 'console-sem-lock', result: HUNG }),
    ];
    const { cells } = madeReport(runs);
    t.strictSame(
      cells.map(({ scenario, status, rate }) => [scenario, status, rate]),
      [
        ['crash-locks-record-1', 'failed', 'a run of a sweep, which has no rate'],
        ['console-sem-lock', 'failed', '1 of 1 not captured (100 %, 95 % interval 2.5 % to 100 %)'],
        ['crash-locks-001-itself', 'skipped', 'a run of a sweep, which has no rate'],
        ['crash-locks-000-itself', 'passed', 'a run of a sweep, which has no rate'],
      ],
    );
    t.match(cells[3]?.headline, /^crash-path-hang\/all-vcpus-halted: the crash path is stuck/);
  },
);

t.test('the variants of a sweep are told apart', async (t) => {
  const run = stored({ scenario: 'crash-locks-000-itself' });
  const plan = run.plan;
  if (plan === undefined) throw new Error('no plan');
  const { cells } = madeReport([
    { ...run, plan: { ...plan, variant: 'plain' } },
    { ...run, plan: { ...plan, variant: 'quiet' } },
  ]);
  t.strictSame(
    cells.map(({ place, runs }) => [place, runs.length]),
    [
      ['stock, plain', 1],
      ['stock, quiet', 1],
    ],
  );
});
