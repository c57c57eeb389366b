import { escapeHostText } from '../model/escape.js';
import type { Comparison, KernelTally, ScenarioComparison } from '../stats/comparison.js';
import { boundOfNone, rateInterval } from '../stats/binomial.js';
import { type Contrast, percent, type Relation } from '../stats/conclusion.js';
import { SIGNIFICANCE } from '../stats/corrections.js';
import { seenOf } from '../stats/tally.js';
import { type Palette, palette, type TextOptions } from './paint.js';
import { type CellLine, type Column, textTable } from './text-table.js';
import { countOf } from './words.js';

const COLUMNS: readonly Omit<Column, 'width'>[] = [
  { title: '', align: 'left' },
  { title: 'KERNEL', align: 'left' },
  { title: 'TRIALS', align: 'right' },
  { title: 'CAPTURED', align: 'right' },
  { title: 'HUNG', align: 'right' },
  { title: 'OTHER', align: 'right' },
  { title: 'FAILURE RATE', align: 'right' },
  { title: '95 % INTERVAL', align: 'right' },
];

/** A long kernel name (a path) is folded beyond this. */
const WIDEST_KERNEL = 36;

/**
 * The comparison for people: for each scenario a table, the trials that do not count, test and conclusion; at the end
 * the conclusion over all scenarios and the definitions of the numbers. No newline at the end. Pure.
 */
export function compareText(comparison: Comparison, options: TextOptions): string {
  const colors = palette(options);
  const { scenarios, overall, design } = comparison;
  const rounds = design.looks.at(-1) ?? 0;
  const together =
    scenarios.length === 1 ? [] : [`over ${scenarios.length} scenarios: ${painted(overall, colors)}`, ''];
  return [
    ...scenarios.flatMap((scenario) => [...scenarioLines(scenario, { colors, rounds }), '']),
    ...together,
    ...readingLines(comparison).map(colors.dim),
  ].join('\n');
}

function scenarioLines(
  comparison: ScenarioComparison,
  { colors, rounds }: { colors: Palette; rounds: number },
): string[] {
  const { scenario, kernels, contrasts } = comparison;
  const rows = kernels.map((kernel, index) => kernelCells(kernel, roleOf(index)));
  const columns = COLUMNS.map((column, index) => {
    const longest = Math.max(column.title.length, ...rows.map((row) => row[index]?.[0]?.text.length ?? 0));
    return { ...column, width: index === 1 ? Math.min(WIDEST_KERNEL, longest) : longest };
  });
  return [
    colors.bold(scenario),
    ...textTable(columns, rows, colors.bold),
    ...kernels.flatMap((kernel, index) => notCounted(kernel, roleOf(index))),
    ...stoppedEarly(comparison, rounds),
    ...contrasts.map((contrast, index) => {
      const test = contrast.pValue === null ? '' : ` (p = ${Number(contrast.pValue.toPrecision(2))})`;
      const whose = index === 0 ? '' : `${escapeHostText(kernels[index + 1]?.id ?? '')}: `;
      return `${whose}${painted(contrast, colors)}${test}`;
    }),
  ];
}

function roleOf(index: number): string {
  return ['baseline', 'candidate'][index] ?? 'also';
}

function kernelCells(kernel: KernelTally, role: string): CellLine[][] {
  const { failures, judged } = seenOf(kernel);
  const interval = rateInterval(failures, judged);
  const never = `0 (at most ${percent(boundOfNone(judged))})`;
  return [
    role,
    escapeHostText(kernel.id),
    String(kernel.trials),
    String(kernel.captured),
    kernel.hung === 0 && judged > 0 ? never : String(kernel.hung),
    String(kernel.other),
    interval === undefined ? '?' : percent(failures / judged),
    interval === undefined ? '?' : interval.map(percent).join(' to '),
  ].map((text) => [{ text }]);
}

/** Voids and harness errors, which enter no rate. */
function notCounted(kernel: KernelTally, role: string): string[] {
  const parts = [
    ...(kernel.void === 0 ? [] : [`${kernel.void} void`]),
    ...(kernel.harnessErrors === 0 ? [] : [countOf(kernel.harnessErrors, 'harness error')]),
  ];
  if (parts.length === 0) return [];
  return [`not judged: ${parts.join(' and ')} (${role} ${escapeHostText(kernel.id)})`];
}

/** Each round that was run has one trial of every kernel. */
function stoppedEarly({ kernels: [baseline] }: ScenarioComparison, rounds: number): string[] {
  const run = baseline?.trials ?? rounds;
  return run < rounds ? [`decided after ${run} of ${rounds} rounds`] : [];
}

const PAINT: Readonly<Record<Relation, keyof Palette['outcome']>> = {
  fixes: 'expected',
  improves: 'inconclusive',
  regresses: 'unexpected',
  'no-difference': 'inconclusive',
  unknown: 'harness-error',
};

function painted({ relation, conclusion }: Contrast, colors: Palette): string {
  return colors.outcome[PAINT[relation]](conclusion);
}

/** The definitions of the numbers. */
function readingLines({ design, scenarios }: Comparison): string[] {
  const comparisons = scenarios.length * (design.kernels.length - 1);
  const corrections = [
    ...(design.looks.length > 1 ? [`corrected for ${design.looks.length} planned looks at the data`] : []),
    ...(comparisons > 1 ? [`Holm-corrected for ${comparisons} comparisons`] : []),
  ];
  return [
    'failure rate: not captured / judged; void and harness errors are not judged',
    'interval: two-sided Clopper-Pearson; "at most": one-sided 95 % bound of what never showed, 1 - 0.05^(1/n)',
    `p: ${["Fisher's exact test, two-sided", ...corrections].join(', ')}; a difference is shown by p <= ${SIGNIFICANCE}`,
  ];
}
