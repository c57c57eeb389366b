import type { RunResult } from '../model/result.js';
import {
  cellsOf,
  type CellState,
  type CampaignTable,
  type TableCell,
  type TableRow,
  stateCounts,
  unexplained,
} from './campaign-table.js';
import { type Palette, palette } from './paint.js';
import { outcomeSentence } from './summary.js';
import type { TableOptions } from './terminal-table.js';
import { type CellLine, foldLine, textTable } from './text-table.js';
import { countOf, safeName, safeSentence } from './words.js';

/** Names are not readable in fewer columns. */
const NARROWEST = 80;
const MINIMUM_COLUMN = 12;
const WIDEST_SCENARIO = 28;
const GAP_COLUMNS = 2;
const INDENT = '      ';

/** The name of a cell's state. */
export const STATE_WORDS: Readonly<Record<CellState, string>> = {
  unexpected: 'UNEXPECTED',
  'harness-error': 'harness error',
  void: 'inconclusive',
  unfinished: 'not finished',
  'void-explained': 'explained void',
  'as-expected': 'as expected',
};

/**
 * The table of a campaign file: scenarios down, kernels across, in each cell the verdicts with their counts, and
 * whether they are as expected; below it the arguments, numbered, then the unexplained cells, by name, and the sums. No
 * newline at the end. Pure.
 */
export function campaignTableText(
  table: CampaignTable,
  results: readonly RunResult[],
  { color, width }: TableOptions,
): string {
  const colors = palette({ color });
  const most = Math.max(NARROWEST, width);
  const notes = numbered(table);
  const rows = table.rows.map((row) => [
    [{ text: rowName(row) }],
    ...row.cells.map((cell) => cellLines(cell, { colors, note: cell && notes.get(cell) })),
  ]);
  const columns = widths(table, { rows, most });
  return [
    ...textTable(columns, rows, colors.bold),
    '',
    ...table.rows.flatMap((row) => argumentLines(row, { notes, most, colors })),
    ...unexplainedLines(table, { most, colors }),
    ...folded(cellSentence(table), most),
    ...folded(outcomeSentence(results), most),
  ].join('\n');
}

/** `nic-traffic`, or `sysrq-task on core2-quad`. */
export function rowName({ scenario, machine }: { scenario: string; machine?: string | undefined }): string {
  return machine === undefined ? safeName(scenario) : `${safeName(scenario)} on ${safeName(machine)}`;
}

/** `12 cells: 1 unexpected, 11 as expected`. */
export function cellSentence(table: CampaignTable): string {
  const counts = stateCounts(table).map(([state, count]) => `${count} ${STATE_WORDS[state].toLowerCase()}`);
  return `${countOf(cellsOf(table).length, 'cell')}: ${counts.join(', ')}`;
}

/** Numbers the cells that have notes, in reading order. */
export function numbered(table: CampaignTable): Map<TableCell, number> {
  const speaking = cellsOf(table).filter(({ cell }) => cell.why.length + cell.voidOk.length > 0);
  return new Map(speaking.map(({ cell }, index) => [cell, index + 1]));
}

/** A cell's runs: one line for each verdict, then the reasons of degraded captures, and what was not judged. */
export function verdictLines({ verdicts, degradedBy, undecided }: TableCell): string[] {
  const listed = (word: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${word} ${names.map(safeName).join(', ')}`];
  return [
    ...verdicts.map(([name, count]) => `${count} ${name}`),
    ...listed('by', degradedBy),
    ...listed('not judged:', undecided),
  ];
}

function cellLines(
  cell: TableCell | undefined,
  { colors, note }: { colors: Palette; note: number | undefined },
): CellLine[] {
  if (cell === undefined) return [{ text: '-', paint: colors.dim }];
  const state = `${STATE_WORDS[cell.state]}${note === undefined ? '' : ` [${note}]`}`;
  return [
    ...verdictLines(cell).map((text) => ({ text })),
    { text: state, paint: paintOf(cell.state, colors) },
    ...(cell.state === 'unexpected' ? [{ text: `wanted ${safeName(cell.expected)}` }] : []),
  ];
}

function paintOf(state: CellState, { outcome, dim }: Palette): (text: string) => string {
  switch (state) {
    case 'unexpected':
    case 'harness-error':
      return outcome[state];
    case 'void':
    case 'unfinished':
      return outcome.inconclusive;
    case 'void-explained':
      return dim;
    case 'as-expected':
      return outcome.expected;
  }
}

/** The scenario column takes the width that it needs, the kernels share the rest. */
function widths(
  { columns, rows: { length } }: CampaignTable,
  { rows, most }: { rows: readonly (readonly (readonly CellLine[])[])[]; most: number },
) {
  const titles = ['SCENARIO', ...columns.map(safeName)];
  const natural = titles.map((title, index) =>
    Math.max(title.length, ...rows.flatMap((row) => (row[index] ?? []).map(({ text }) => text.length))),
  );
  const scenario = Math.min(natural[0] ?? 0, WIDEST_SCENARIO);
  const left = most - scenario - GAP_COLUMNS * columns.length;
  const wanted = natural.slice(1);
  const total = wanted.reduce((sum, columnsOf) => sum + columnsOf, 0);
  const fits = length === 0 || total <= left;
  return titles.map((title, index) => {
    const room = fits ? natural[index] : Math.floor((left * (natural[index] ?? 0)) / total);
    const width = index === 0 ? scenario : Math.max(MINIMUM_COLUMN, room ?? 0);
    return { title, align: 'left' as const, width };
  });
}

function argumentLines(
  row: TableRow,
  { notes, most, colors }: { notes: ReadonlyMap<TableCell, number>; most: number; colors: Palette },
): string[] {
  const said = row.cells.flatMap((cell) => {
    const note = cell === undefined ? undefined : notes.get(cell);
    if (cell === undefined || note === undefined) return [];
    const [first = '', ...others] = [...cell.why, ...cell.voidOk.map((reason) => `void: ${reason}`)];
    const begin = `  [${note}] `.padEnd(INDENT.length);
    return [
      ...folded(`${begin}${safeName(cell.kernel)}: ${safeSentence(first)}`, most),
      ...others.flatMap((text) => folded(`${INDENT}${safeSentence(text)}`, most)),
    ];
  });
  if (row.why === undefined && said.length === 0) return [];
  const about = row.why === undefined ? '' : `: ${safeSentence(row.why)}`;
  const [first = '', ...rest] = folded(`${rowName(row)}${about}`, most);
  const name = rowName(row);
  return [first.replace(name, () => colors.bold(name)), ...rest, ...said, ''];
}

function folded(text: string, width: number): string[] {
  const [first = ''] = foldLine(text, width);
  const rest = text.slice(first.length).trimStart();
  return rest === '' ? [first] : [first, ...folded(`${INDENT}${rest}`, width)];
}

function unexplainedLines(
  table: CampaignTable,
  { most, colors }: { most: number; colors: Palette },
): string[] {
  const cells = unexplained(table);
  if (cells.length === 0) return [colors.outcome.expected('nothing is unexplained')];
  return [
    'unexplained:',
    ...cells.flatMap(({ row, cell }) => {
      const got = cell.verdicts.map(([name, count]) => `${count} ${name}`).join(', ') || 'no result';
      const tried =
        cell.results.length < cell.planned ? ` (${cell.results.length} of ${cell.planned} runs)` : '';
      const [first = '', ...rest] = folded(
        `  ${rowName(row)} x ${safeName(cell.kernel)}: ${got}${tried}, expected ${safeName(cell.expected)}`,
        most,
      );
      return [first, ...rest].map(paintOf(cell.state, colors));
    }),
  ];
}
