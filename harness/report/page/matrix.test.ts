import t from 'tap';
import type { NightCell, NightVerdicts } from '../../model/night-verdict.js';
import type { RunResult } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { HOSTILE, reportFixtures } from '../../testing/recordings/reported-run.js';
import { cellsOf, matrixOf } from './matrix.js';
import { matrixSection } from './matrix-markup.js';
import { runIds } from './run-ids.js';

const { captured: CAPTURED, hung: HUNG, plan: PLAN } = reportFixtures();

/** A planned run of a campaign file, with its result. */
function run(
  scenario: string,
  kernel: string,
  result: Partial<RunResult>,
): { plan: RunPlan; result: RunResult } {
  const expect = { verdict: 'captured' as const };
  const runId = `${scenario}-${kernel}-${JSON.stringify(result).length}`;
  return {
    plan: { ...PLAN, runId, scenario: { ...PLAN.scenario, name: scenario }, cell: { kernel, expect } },
    result: { ...CAPTURED, ...result, runId, scenario, cell: { kernel } },
  };
}

const RUNS = [
  run('lock', 'old', HUNG),
  run('lock', 'old', {}),
  run('lock', 'new', {}),
  run('nic', 'new', {}),
];
const INPUT = { plans: RUNS.map(({ plan }) => plan), results: RUNS.map(({ result }) => result) };

function nightCell(more: Partial<NightCell>): NightCell {
  const tally = { trials: 20, captured: 15, hung: 5, other: 0, void: 0, harnessErrors: 0, rate: 0.25 };
  return {
    ...{ scenario: 'lock', kernel: 'new', word: 'regressed', why: 'it hangs', pValue: 0.01, baselines: [] },
    tally: { ...tally, interval: [0.087, 0.491] },
    ...{
      verdicts: { captured: 15, 'crash-path-hang': 5 },
      reproduce: 'crashpath run lock',
      runs: [],
      ...more,
    },
  };
}

function nightOf(cells: NightCell[], controls: NightVerdicts['controls'] = []): NightVerdicts {
  const at = '2026-11-27T01:30:00.000Z';
  return {
    ...{ schema: 1, kind: 'night', night: 'n', startedAt: at, endedAt: at, outOfBudget: false, blind: false },
    ...{ blindBecause: [], kernels: [], controls, cells, faults: [] },
  };
}

t.test('the cells of a campaign file: state, counts, rate with its interval', async (t) => {
  const { columns, rows } = matrixOf(INPUT);
  t.strictSame(columns, ['old', 'new']);
  t.match(rows, [
    {
      scenario: 'lock',
      cells: [{ shown: { word: 'unexpected' }, wanted: 'captured' }, { shown: { word: 'as expected' } }],
    },
    { scenario: 'nic', cells: [undefined, { rate: { failures: 0, judged: 1, rate: 0 } }] },
  ]);
  const [cell] = cellsOf(matrixOf(INPUT));
  t.match(cell?.rate, { failures: 1, judged: 2, rate: 0.5 });
  t.strictSame(
    cell?.rate?.interval.map((end) => end.toFixed(3)),
    ['0.013', '0.987'],
  );
});

t.test('without a campaign file: by the kernels that ran, in numeric order', async (t) => {
  const results = ['6.12', '6.1'].map((kernel) => ({ ...CAPTURED, cell: undefined, kernel }));
  t.strictSame(matrixOf({ plans: [], results }).columns, ['6.1', '6.12']);
  const other = { captureKernel: 'dump', captureKernelSha256: 'f'.repeat(64) };
  const [cell] = cellsOf(matrixOf({ plans: [], results: [{ ...CAPTURED, ...other }] }));
  t.match(cell?.column, /, captured by dump$/);
});

t.test('a scenario in which no capture is due has no rate of failed captures', async (t) => {
  const scenario = { ...PLAN.scenario, name: CAPTURED.scenario, expect: { verdict: 'no-panic' as const } };
  const results = [{ ...CAPTURED, verdict: 'no-panic' as const, quality: undefined }];
  const [cell] = cellsOf(matrixOf({ plans: [{ ...PLAN, scenario }], results }));
  t.equal(cell?.rate, undefined);
  t.strictSame(cell?.verdicts, [['no-panic', 1]]);
});

t.test('what a night says replaces what the outcomes say; its cells without a run have rows', async (t) => {
  const control = {
    scenario: 'no-trigger',
    kernel: 'new',
    what: 'must not crash',
    held: false,
    why: 'it crashed',
  };
  const night = nightOf(
    [
      nightCell({}),
      nightCell({
        scenario: 'timer',
        word: 'cannot-tell',
        tally: { ...nightCell({}).tally, rate: null, interval: null },
      }),
    ],
    [{ ...control, verdicts: { captured: 1 }, reproduce: 'x', runs: [] }],
  );
  const cells = cellsOf(matrixOf({ ...INPUT, night }));
  const named = (scenario: string) =>
    cells.find((cell) => cell.scenario === scenario && cell.column === 'new');
  t.match(named('lock'), {
    shown: { word: 'regressed' },
    rate: { failures: 5, judged: 20, interval: [0.087, 0.491] },
  });
  t.equal(named('lock')?.results.length, 1, 'its runs stay');
  t.match(named('timer'), { shown: { word: 'cannot tell' }, rate: undefined });
  t.match(named('no-trigger'), {
    shown: { word: 'control failed' },
    rate: undefined,
    wanted: 'must not crash',
  });
  t.match(named('nic')?.shown.word, 'as expected', 'the night says nothing of it');
});

t.test('history is that of the same scenario, kernel and machine', async (t) => {
  const points = [{ name: 'n1', when: '2026-11-26T00:00:00Z', kernel: 'k', failures: 1, trials: 2 }];
  const history = [
    { scenario: 'lock', kernel: 'new', points },
    { scenario: 'nic', kernel: 'new', machine: 'q35', points },
  ];
  const matrix = matrixOf({ ...INPUT, history });
  t.strictSame(
    cellsOf(matrix).map(({ history: own }) => own?.points.length),
    [undefined, 1, undefined],
  );
  const text = matrixSection(matrix, runIds(INPUT.results))?.text ?? '';
  t.match(text, 'aria-label="failure rate over 1 night: first 50 %, last 50 %"');
  t.match(text, '<title>n1: 1 of 2 failed, k</title>');
});

t.test('the table: each cell leads to its worst run; rates and bars; hostile names stay text', async (t) => {
  const ids = runIds(INPUT.results);
  const text = matrixSection(matrixOf(INPUT), ids)?.text ?? '';
  t.match(
    text,
    `<a class="cell-link" href="#${ids.firstOf(INPUT.results.slice(0, 2))}" data-scenario="lock" data-column="old" data-machine="default">`,
  );
  t.match(text, '<b>50 %</b> <span class="quiet">1/2, 1.3 % to 99 %</span></span><svg class="interval"');
  t.match(text, '<td class="quiet none" data-name="old">not run</td>');
  t.equal(matrixSection(matrixOf({ plans: [], results: [] }), ids), undefined);
  const bad = run(HOSTILE, HOSTILE, { degradedBy: [HOSTILE], expected: HOSTILE, outcome: 'unexpected' });
  const points = [{ name: HOSTILE, when: HOSTILE, kernel: HOSTILE, failures: 1, trials: 2 }];
  const history = [{ scenario: HOSTILE, kernel: HOSTILE, points }];
  const hostile = matrixOf({ plans: [bad.plan], results: [bad.result], history });
  t.notMatch(matrixSection(hostile, runIds([bad.result]))?.text ?? '', /<script|\u202e/);
});
