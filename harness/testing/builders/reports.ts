/** For tests of formats: made directories of runs, hostile ones included, and what a night says of them. */
import type { NightVerdicts } from '../../model/night-verdict.js';
import type { RunResult } from '../../model/result.js';
import { excerptOf } from '../../report/console-excerpt.js';
import { type Report, reportedLines, type StoredRunInput } from '../../report/formats/report-model.js';
import { reportOf } from '../../report/formats/report-of.js';
import { reportFixtures } from '../recordings/reported-run.js';

const { captured, hung, plan, console: crashConsole } = reportFixtures();

/** What a made run is made of; the console belongs to runs that did not pass. */
export interface MadeStored {
  readonly scenario?: string;
  readonly kernel?: string;
  readonly trial?: number;
  readonly result?: Partial<RunResult>;
  readonly console?: Buffer;
}

const SHA = { stock: 'a'.repeat(64), broken: 'b'.repeat(64) } as const;

/** A stored run; it captured unless the result says otherwise. */
export function stored({
  scenario = 'sysrq-task',
  kernel = 'stock',
  trial = 1,
  result: given = {},
  console = crashConsole,
}: MadeStored = {}): StoredRunInput {
  const sha256 = kernel === 'broken' ? SHA.broken : SHA.stock;
  const runId = `${scenario}-${kernel}-${trial}`;
  const from = given.verdict === undefined || given.verdict === 'captured' ? captured : hung;
  const result = { ...from, runId, scenario, kernel, kernelSha256: sha256, trial, ...given };
  const made = { ...plan.kernel, label: kernel, release: kernel, spec: `./${kernel}`, sha256 };
  return {
    runId,
    path: runId,
    begun: true,
    plan: {
      ...plan,
      runId,
      trial,
      nonce: `cp-${runId}`,
      scenario: { ...plan.scenario, name: scenario },
      kernel: made,
      captureKernel: made,
    },
    result,
    console: reportedLines(excerptOf(result, console), result.evidence),
  };
}

export const HUNG = {
  verdict: 'crash-path-hang',
  quality: undefined,
  detail: 'all-vcpus-halted',
  outcome: 'unexpected',
} as const satisfies Partial<RunResult>;
export const VOID = {
  verdict: 'void',
  quality: undefined,
  detail: 'state-not-proved',
  explanation: 'the lock was not held',
  outcome: 'inconclusive',
  evidence: [],
} as const satisfies Partial<RunResult>;
export const BROKEN = {
  verdict: 'harness-error',
  quality: undefined,
  detail: 'qemu-died',
  explanation: 'QEMU was killed by SIGSEGV',
  outcome: 'harness-error',
  evidence: [],
} as const satisfies Partial<RunResult>;

/** Two captures, a failure, a void and a harness error; and a run that was cut off. */
export function mixedRuns(): StoredRunInput[] {
  return [
    stored({ trial: 1 }),
    stored({ trial: 2 }),
    stored({ scenario: 'lock-held', kernel: 'broken', trial: 1 }),
    stored({ scenario: 'lock-held', kernel: 'broken', trial: 2, result: HUNG }),
    stored({ scenario: 'nic', result: VOID }),
    stored({ scenario: 'pmu', result: BROKEN }),
    { ...stored({ scenario: 'cut', result: HUNG }), result: undefined },
  ];
}

/** A report of runs, or of a night. */
export function madeReport(runs: readonly StoredRunInput[], night?: NightVerdicts): Report {
  return reportOf({
    title: '20261127-013000-ab12',
    startedAt: '2026-11-27T01:30:00.000Z',
    version: '0.1.0',
    runs,
    night,
  });
}

const NO_RUNS = {
  trials: 0,
  captured: 0,
  hung: 0,
  other: 0,
  void: 0,
  harnessErrors: 0,
  rate: null,
  interval: null,
};
const tally = (captured: number, hung: number) => ({
  ...NO_RUNS,
  trials: captured + hung,
  captured,
  hung,
  rate: captured + hung === 0 ? null : hung / (captured + hung),
  interval: captured + hung === 0 ? null : ([0, 1] as [number, number]),
});

const KERNELS = {
  stock: { name: 'stock', spec: './stock', release: '6.1.192', sha256: SHA.stock, commit: '1'.repeat(40) },
  broken: { name: 'broken', spec: './broken', release: '6.1.192', sha256: SHA.broken },
};

/** A night over {@link mixedRuns}: each word once. */
export function madeNight(changes: Partial<NightVerdicts> = {}): NightVerdicts {
  const cell = (scenario: string, kernel: keyof typeof KERNELS, runs: string[]) => ({
    scenario,
    kernel,
    verdicts: {},
    pValue: null,
    tally: tally(0, 0),
    baselines: [],
    reproduce: `crashpath run ${scenario} --kernel ./${kernel} --repeat 20`,
    runs,
  });
  return {
    schema: 1,
    kind: 'night',
    night: '2026-11-27T013000Z',
    startedAt: '2026-11-27T01:30:00.000Z',
    endedAt: '2026-11-27T05:30:00.000Z',
    outOfBudget: false,
    blind: false,
    blindBecause: [],
    kernels: Object.values(KERNELS),
    controls: [
      {
        scenario: 'good',
        kernel: 'stock',
        what: 'must capture',
        held: true,
        why: '3 of 3 captured',
        verdicts: { captured: 3 },
        reproduce: 'crashpath run good --kernel ./stock',
        runs: [],
      },
    ],
    cells: [
      { ...cell('sysrq-task', 'stock', ['sysrq-task-stock-1']), word: 'unchanged', why: 'no difference' },
      {
        ...cell('lock-held', 'broken', ['lock-held-broken-1', 'lock-held-broken-2']),
        word: 'regressed',
        why: '19 of 20 runs hung, none of 20 with the baseline',
        tally: tally(1, 19),
        verdicts: { captured: 1, 'crash-path-hang': 19 },
        pValue: 1.2e-9,
        baselines: [
          {
            kind: 'pinned',
            kernel: KERNELS.stock,
            tally: tally(20, 0),
            pValue: 1.2e-9,
            conclusion: 'kernel regresses',
          },
        ],
      },
      { ...cell('nic', 'stock', ['nic-stock-1']), word: 'cannot-tell', why: 'every run was void' },
      { ...cell('pmu', 'stock', []), word: 'suspect', why: '2 of 5 hung, p = 0.4' },
      { ...cell('cut', 'stock', []), word: 'fixed', why: 'none of 20 hung, 20 of 20 last night' },
    ],
    faults: [],
    ...changes,
  };
}

/** Lines that are something to one of the formats, and bytes that are text to none. */
export const HOSTILE_LINES = [
  ']]> <![CDATA[ <script>alert(1)</script> &lt; &#0; </failure>',
  '::error title=owned::owned',
  '  ::stop-commands::x',
  'x ##[error]owned ##[group]',
  '%0A::error::owned %25 %0D',
  '# Subtest: owned',
  'ok 1 owned',
  'not ok 2 - owned # SKIP # TODO \\# \\',
  '    ok 1 - owned',
  '1..99',
  'Bail out! owned',
  'TAP version 13',
  'KTAP version 1',
  'pragma +strict',
  '---',
  '...',
  '  ...',
  '```',
  '~~~~',
  '`` ` | \\| \\\\| || <b> *x* _y_ [a](b) ![c](d) @all #1 https://evil.example',
  'Kernel panic - not syncing: VFS: Unable to mount root fs',
  'List of all partitions:',
  'reboot: System halted',
  '\0\u0001\u0007\b\t\u000b\f\u001b[2J\u007f\u0080\u009b',
  // UTF-8 of U+2028, of a lone surrogate, of U+FFFF and of U+202E; and an overlong slash.
  Buffer.from([0xe2, 0x80, 0xa8, 0xed, 0xa0, 0x80, 0xef, 0xbf, 0xbf, 0xe2, 0x80, 0xae, 0xc0, 0xaf]).toString(
    'latin1',
  ),
] as const;

/** The same as one line, with what only a name or a sentence of a file can hold. */
export const HOSTILE_TEXT = `${HOSTILE_LINES.join('\n')}\r\n\u2028\ud800\u202e\uffff`;

/** A console of hostile lines only, and a verdict that cites one of them. */
export function hostileRun(): StoredRunInput {
  const console = Buffer.from(`${HOSTILE_LINES.join('\n')}\n`, 'latin1');
  const run = stored({
    scenario: HOSTILE_TEXT,
    kernel: HOSTILE_TEXT,
    result: {
      ...HUNG,
      explanation: HOSTILE_TEXT,
      detail: HOSTILE_TEXT,
      expected: HOSTILE_TEXT,
      host: HOSTILE_TEXT,
      evidence: [
        { source: 'console', offset: 0, length: console.length - 1, atMs: 1, what: 'all', excerpt: 'all' },
      ],
    },
    console,
  });
  return { ...run, runId: HOSTILE_TEXT, path: HOSTILE_TEXT };
}

/** The lines of {@link hostileRun} as every format shows them, without line numbers. */
export function shownHostileLines(): string[] {
  return hostileRun().console.map(({ text }) => text);
}

/** A night whose every text is hostile. */
export function hostileNight(): NightVerdicts {
  const night = madeNight();
  const text = HOSTILE_TEXT.slice(0, 290);
  return {
    ...night,
    night: text,
    blind: false,
    faults: [text],
    controls: night.controls.map((control) => ({ ...control, scenario: text, why: text, what: text })),
    cells: night.cells.map((cell, index) => ({
      ...cell,
      scenario: `${text}${index}`,
      kernel: text,
      machine: text,
      why: text,
      reproduce: HOSTILE_TEXT,
      verdicts: { [text]: 1 },
      baselines: cell.baselines.map((one) => ({
        ...one,
        conclusion: text,
        kernel: { ...one.kernel, name: text },
      })),
    })),
  };
}

/** A run whose console is 8 MiB: of one line without an end, or of many. */
export function largeRun(line: string): StoredRunInput {
  const size = 8 * 1024 * 1024;
  return stored({ result: HUNG, console: Buffer.alloc(size, line) });
}
