import type { RunResult } from '../model/result.js';
import { type Palette, palette, type TextOptions } from './paint.js';
import { groupTrials, outcomeSentence, type TrialGroup } from './summary.js';
import { type CellLine, type Column, textTable } from './text-table.js';
import { accelName, OUTCOMES, safeName, seconds, verdictName } from './words.js';

/** How to lay out a table. */
export interface TableOptions extends TextOptions {
  /** Columns of the terminal; at least 80 are used (names are not readable in fewer), at most 100. */
  readonly width: number;
}

const COLUMNS: readonly Omit<Column, 'width'>[] = [
  { title: 'SCENARIO', align: 'left' },
  { title: 'KERNEL', align: 'left' },
  { title: 'TRIALS', align: 'right' },
  { title: 'VERDICTS', align: 'left' },
  { title: 'OUTCOME', align: 'left' },
  { title: 'MEDIAN', align: 'right' },
];

const NARROWEST = 80;
const WIDEST = 100;

/** Scenario and kernel are folded when the table is too wide, but never below this. */
const MINIMUM_NAME_COLUMNS = 10;
const GAP_COLUMNS = 2;

/**
 * The verdicts of a campaign: one row for each scenario, kernel (and capture kernel, when it is another) and machine, an empty
 * line, and `N runs: a expected, b unexpected, c inconclusive, d harness error`. No newline at the end. Pure.
 */
export function verdictTable(results: readonly RunResult[], { color, width }: TableOptions): string {
  const colors = palette({ color });
  const summary = paintSummary(results, colors);
  if (results.length === 0) return summary;
  const rows = groupTrials(results).map((group) => cellsOf(group, colors));
  const columns = fittedColumns(rows, Math.min(WIDEST, Math.max(NARROWEST, width)));
  return [...textTable(columns, rows, colors.bold), '', summary].join('\n');
}

function cellsOf(group: TrialGroup, colors: Palette): CellLine[][] {
  return [
    [{ text: group.scenario }],
    [
      { text: group.kernel },
      ...(group.captureKernel === undefined ? [] : [{ text: `-> ${group.captureKernel}` }]),
      ...(group.machine === undefined ? [] : [{ text: `on ${group.machine}` }]),
    ],
    [{ text: String(group.results.length) }],
    group.verdicts.map(([name, count]) => ({ text: `${count} ${name}` })),
    group.outcomes.map(([outcome, count]) => ({
      text: `${count} ${outcome}`,
      paint: colors.outcome[outcome],
    })),
    [{ text: seconds(group.medianMs) }],
  ];
}

/** Gives each column the width of its longest line; scenario and kernel share what the others leave. */
function fittedColumns(rows: readonly (readonly (readonly CellLine[])[])[], width: number): Column[] {
  const natural = COLUMNS.map(({ title }, column) =>
    Math.max(title.length, ...rows.flatMap((row) => (row[column] ?? []).map(({ text }) => text.length))),
  );
  const [scenario = 0, kernel = 0, ...others] = natural;
  const left =
    width - others.reduce((sum, columns) => sum + columns, 0) - GAP_COLUMNS * others.length - GAP_COLUMNS;
  const half = Math.floor(left / 2);
  const scenarioColumns = Math.max(MINIMUM_NAME_COLUMNS, Math.min(scenario, Math.max(half, left - kernel)));
  const kernelColumns = Math.max(MINIMUM_NAME_COLUMNS, Math.min(kernel, left - scenarioColumns));
  const widths = [scenarioColumns, kernelColumns, ...others];
  return COLUMNS.map((column, index) => ({ ...column, width: widths[index] ?? column.title.length }));
}

function paintSummary(results: readonly RunResult[], colors: Palette): string {
  const worst = OUTCOMES.findLast((outcome) => results.some((result) => result.outcome === outcome));
  const sentence = outcomeSentence(results);
  return worst === undefined ? sentence : colors.outcome[worst](sentence);
}

/** Longest outcome word, so that the lines of a campaign are aligned. */
const OUTCOME_COLUMNS = Math.max(...OUTCOMES.map((outcome) => outcome.length));

/**
 * One line at the end of a run, without a newline: outcome, scenario, kernel, machine, trial, host, verdict, seconds; with the
 * reason, what was expected and the run's name when the outcome is not `expected`. Pure.
 */
export function resultLine(result: RunResult, options: TextOptions): string {
  const paint = palette(options).outcome[result.outcome];
  const machine = result.machine === undefined ? [] : [safeName(result.machine)];
  const where = [
    safeName(result.scenario),
    safeName(result.kernel),
    ...machine,
    `trial ${result.trial}`,
    ...(result.host === undefined ? [] : [`on ${safeName(result.host)}`]),
  ].join('  ');
  const why =
    result.outcome === 'expected'
      ? ''
      : ` (${safeName(result.detail)}), expected ${safeName(result.expected)}`;
  const { undecided = [] } = result;
  const open = undecided.length === 0 ? '' : `; not judged: ${undecided.map(safeName).join(', ')}`;
  const under = result.accelUnproved === undefined ? '' : `; under ${accelName(result)}`;
  const repacked = result.repacked === undefined ? '' : `; repacked: ${result.repacked}`;
  const loaded = result.loadSyscall === 'kexec_file_load' ? '; loaded by kexec_file_load' : '';
  const what = `${verdictName(result)}${why}${open}${under}${repacked}${loaded}${startWord(result)}`;
  const name = result.outcome === 'expected' ? '' : `  ${safeName(result.runId)}`;
  return `${paint(result.outcome.padEnd(OUTCOME_COLUMNS))}  ${where}  ${what}  ${seconds(result.durationMs)}${name}`;
}

/** How the run began, in a word; nothing where a boot is what was asked for, or all there could be. */
function startWord({ clone }: RunResult): string {
  if (clone === undefined) return '';
  if ('template' in clone) return '; a clone';
  const { booted } = clone;
  if (booted === 'no-clone' || booted === 'few-runs') return '';
  return booted === 'control' ? '; a control' : `; booted: ${booted}`;
}
