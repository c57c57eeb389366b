import stripAnsi from 'strip-ansi';
import t from 'tap';
import type { Cell } from '../model/cell.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { progressLine } from './campaign-progress.js';
import { countsOf } from './run-counts.js';
import { type CampaignTable, campaignTableOf, unexplained } from './campaign-table.js';
import { campaignTableObject } from './campaign-table-json.js';
import { campaignTableText } from './campaign-table-text.js';
import { HOSTILE, reportFixtures } from '../testing/recordings/reported-run.js';

const { captured: CAPTURED, hung: HUNG, plan: PLAN } = reportFixtures();

const PLAIN = { color: false, width: 100 };

interface Made {
  readonly plan: RunPlan;
  readonly result: RunResult | undefined;
}

let made = 0;

/** One run of a cell, with its result. */
function run(scenario: string, cell: Cell, result?: Partial<RunResult>): Made {
  made += 1;
  const runId = `r${made}`;
  const plan = { ...PLAN, runId, scenario: { ...PLAN.scenario, name: scenario }, cell };
  if (result === undefined) return { plan, result: undefined };
  const { kernel, machine } = cell;
  const place = machine === undefined ? { kernel } : { kernel, machine };
  return { plan, result: { ...CAPTURED, ...result, runId, scenario, cell: place } };
}

const HANG = { verdict: 'crash-path-hang' as const, quality: undefined, detail: 'spin' };
const DEGRADED = { quality: 'degraded' as const, degradedBy: ['screaming-vector'] };
const VOID = {
  verdict: 'void' as const,
  quality: undefined,
  detail: 'state-not-proved',
  outcome: 'inconclusive' as const,
};

function campaign(): Made[] {
  const lock = { why: "a customer's machine hung" };
  const bug = { verdict: 'crash-path-hang' as const, why: 'the lock is never given back' };
  const nic = {
    kernel: 'patch',
    expect: {
      anyOf: [
        { verdict: 'captured' as const, quality: 'degraded' as const, why: 'the line screams' },
        { verdict: 'capture-hang' as const, why: 'it may scream for ever' },
      ],
    },
  };
  return [
    run('lock-held', { kernel: 'broken', ...lock, expect: bug }, { ...HANG, outcome: 'expected' }),
    run('lock-held', { kernel: 'broken', ...lock, expect: bug }, { ...HANG, outcome: 'expected' }),
    run(
      'lock-held',
      { kernel: 'patch', ...lock, expect: { verdict: 'captured' } },
      { ...HANG, outcome: 'unexpected' },
    ),
    run('lock-held', { kernel: 'patch', ...lock, expect: { verdict: 'captured' } }, {}),
    run('nic', nic, { ...DEGRADED }),
    run('nic', { kernel: 'stock', expect: { verdict: 'captured' } }, VOID),
    run('pmu', { kernel: 'stock', expect: { verdict: 'captured' } }, { ...VOID, voidOk: 'no PMU' }),
    run(
      'pmu',
      { kernel: 'broken', expect: { verdict: 'captured' } },
      { verdict: 'harness-error', detail: 'interrupted', outcome: 'harness-error' },
    ),
  ];
}

function resultsOf(runs: readonly Made[]): RunResult[] {
  return runs.flatMap(({ result }) => (result === undefined ? [] : [result]));
}

function tableOf(runs: readonly Made[]): CampaignTable {
  const found = campaignTableOf(
    runs.map(({ plan }) => plan),
    resultsOf(runs),
  );
  if (found === undefined) throw new Error('no campaign file');
  return found;
}

t.test('scenarios down, kernels across, arguments below, what is unexplained by name', async (t) => {
  const runs = campaign();
  t.equal(
    campaignTableText(tableOf(runs), resultsOf(runs), PLAIN),
    [
      'SCENARIO   broken             patch                  stock',
      'lock-held  2 crash-path-hang  1 captured             -',
      '           as expected [1]    1 crash-path-hang',
      '                              UNEXPECTED',
      '                              wanted captured',
      'nic        -                  1 captured (degraded)  1 void',
      '                              by screaming-vector    inconclusive',
      '                              as expected [2]',
      'pmu        not finished       -                      1 void',
      '                                                     explained void [3]',
      '',
      "lock-held: a customer's machine hung",
      '  [1] broken: the lock is never given back',
      '',
      'nic',
      '  [2] patch: captured (degraded): the line screams',
      '',
      'pmu',
      '  [3] stock: void: no PMU',
      '',
      'unexplained:',
      '  lock-held x patch: 1 captured, 1 crash-path-hang, expected captured',
      '  nic x stock: 1 void, expected captured',
      '  pmu x broken: no result (0 of 1 runs), expected captured',
      '6 cells: 1 unexpected, 1 inconclusive, 1 not finished, 1 explained void, 2 as expected',
      '8 runs: 4 expected, 1 unexpected, 2 inconclusive, 1 harness error',
    ].join('\n'),
  );
});

t.test('states, worst first; a result of another cell does not count', async (t) => {
  const expect = { verdict: 'captured' as const };
  const stateOf = (...results: (Partial<RunResult> | undefined)[]) => {
    const runs = results.map((result) => run('s', { kernel: 'k', expect }, result));
    const stranger = run('s', { kernel: 'other', expect }, { ...HANG, outcome: 'unexpected' });
    const all = [...resultsOf(runs), ...resultsOf([stranger])];
    return campaignTableOf(
      runs.map(({ plan }) => plan),
      all,
    )?.rows[0]?.cells[0]?.state;
  };
  const explained = { ...VOID, voidOk: 'no PMU' };
  const broken = { verdict: 'harness-error', detail: 'qemu-died', outcome: 'harness-error' } as const;
  t.equal(stateOf({}), 'as-expected');
  t.equal(stateOf({}, undefined), 'unfinished');
  t.equal(stateOf({}, { ...broken, detail: 'interrupted' }), 'unfinished');
  t.equal(stateOf({}, broken), 'harness-error');
  t.equal(stateOf({}, VOID, explained), 'void');
  t.equal(stateOf(explained), 'void-explained');
  t.equal(stateOf(explained, {}), 'as-expected');
  t.equal(stateOf(explained, undefined), 'unfinished');
  t.equal(stateOf({}, VOID, broken, { ...HANG, outcome: 'unexpected' }), 'unexpected');
});

t.test('machines make rows of their own', async (t) => {
  const expect = { verdict: 'captured' as const };
  const table = tableOf([
    run('s', { kernel: 'k', machine: 'q35', expect }, {}),
    run('s', { kernel: 'k', machine: 'core2-quad', expect }, { ...HANG, outcome: 'unexpected' }),
  ]);
  t.strictSame(
    table.rows.map(({ machine, cells }) => [machine, cells[0]?.state]),
    [
      ['q35', 'as-expected'],
      ['core2-quad', 'unexpected'],
    ],
  );
  t.match(campaignTableText(table, [], PLAIN), /^s on core2-quad +1 crash-path-hang/m);
});

t.test('plans of no campaign file have no table', async (t) => {
  t.equal(campaignTableOf([PLAN], [CAPTURED, HUNG]), undefined);
});

t.test('the arguments that count are those of what was seen', async (t) => {
  const anyOf = [
    { verdict: 'captured' as const, why: 'mostly' },
    { verdict: 'capture-hang' as const, why: 'at times' },
  ];
  const whyOf = (...results: Partial<RunResult>[]) =>
    tableOf(results.map((result) => run('s', { kernel: 'k', expect: { anyOf } }, result))).rows[0]?.cells[0]
      ?.why;
  t.strictSame(whyOf({}), ['captured: mostly']);
  t.strictSame(whyOf({}, { verdict: 'capture-hang', quality: undefined }), [
    'captured: mostly',
    'capture-hang: at times',
  ]);
  t.strictSame(whyOf(HANG), ['captured: mostly', 'capture-hang: at times'], 'all, when none of them was');
});

t.test('as one object', async (t) => {
  const runs = campaign();
  const object = campaignTableObject(tableOf(runs), { campaign: 'c', exitCode: 1 });
  t.strictSame(JSON.parse(JSON.stringify(object)), object, 'JSON loses nothing');
  t.match(object, {
    schema: 1,
    kind: 'campaign',
    campaign: 'c',
    exitCode: 1,
    kernels: ['broken', 'patch', 'stock'],
    states: { unexpected: 1, void: 1, unfinished: 1, 'void-explained': 1, 'as-expected': 2 },
  });
  t.match(object.cells[1], {
    scenario: 'lock-held',
    kernel: 'patch',
    state: 'unexpected',
    expected: 'captured',
    planned: 2,
    trials: 2,
    verdicts: { captured: 1, 'crash-path-hang': 1 },
  });
  t.strictSame(
    unexplained(tableOf(runs)).map(({ row, cell }) => `${row.scenario} ${cell.kernel} ${cell.state}`),
    ['lock-held patch unexpected', 'nic stock void', 'pmu broken unfinished'],
  );
});

t.test('colours stand beside the words; a narrow table keeps all words', async (t) => {
  const runs = campaign();
  const colored = campaignTableText(tableOf(runs), resultsOf(runs), { ...PLAIN, color: true });
  t.match(colored, '\u001b[31mUNEXPECTED\u001b[39m');
  t.equal(stripAnsi(colored), campaignTableText(tableOf(runs), resultsOf(runs), PLAIN));
  for (const width of [0, 80, 90]) {
    for (const line of campaignTableText(tableOf(runs), resultsOf(runs), { color: false, width }).split(
      '\n',
    )) {
      t.ok(line.length <= Math.max(80, width), line);
    }
  }
});

t.test('hostile texts stay text on the terminal', async (t) => {
  const cell: Cell = { kernel: HOSTILE, why: HOSTILE, expect: { verdict: 'captured', why: HOSTILE } };
  const runs = [
    run(HOSTILE, cell, { ...DEGRADED, degradedBy: [HOSTILE], undecided: [HOSTILE] }),
    run(HOSTILE, { ...cell, machine: HOSTILE }, { ...VOID, voidOk: HOSTILE }),
  ];
  t.notMatch(campaignTableText(tableOf(runs), resultsOf(runs), PLAIN), /[^\x20-\x7e\n]/);
});

t.test('progress: cells and runs, and what is left by the runs that ended', async (t) => {
  const expect = { verdict: 'captured' as const };
  const runs = [
    run('a', { kernel: 'k', expect }, { durationMs: 30_000 }),
    run('a', { kernel: 'k', expect }, { durationMs: 50_000 }),
    run('b', { kernel: 'k', expect }, { durationMs: 1, detail: 'interrupted' }),
    ...Array.from({ length: 9 }, () => run('b', { kernel: 'k', expect })),
  ];
  const plans = runs.map(({ plan }) => plan);
  const results = resultsOf(runs);
  t.equal(
    progressLine(countsOf(plans, results), 2),
    'progress: 1 of 2 cells, 2 of 12 runs; about 3 min left',
    'ten times 40 s, two at a time',
  );
  t.equal(progressLine(countsOf(plans, []), 2), 'progress: 0 of 2 cells, 0 of 12 runs');
  t.equal(
    progressLine(countsOf(plans.slice(0, 2), results.slice(0, 2)), 2),
    'progress: 1 of 1 cell, 2 of 2 runs',
  );
  const long = [...plans, ...Array.from({ length: 300 }, () => run('c', { kernel: 'k', expect }).plan)];
  t.match(progressLine(countsOf(long, results), 1), 'about 3.4 h left');
  t.match(progressLine(countsOf(plans.slice(0, 3), results), 8), 'about 40 s left');
});
