import type {
  Build,
  CellHistory,
  CellName,
  CellTrend,
  HistoryPoint,
  RateChange,
} from '../stats/cell-history.js';
import { missedRate } from '../stats/cell-history.js';
import { rateInterval } from '../stats/binomial.js';
import { percent } from '../stats/conclusion.js';
import type { Seen } from '../stats/fisher.js';
import { type Palette, palette, type TextOptions } from './paint.js';
import { sparkline } from './sparkline.js';
import { type CellLine, type Column, textTable } from './text-table.js';
import { countOf, safeName, shellWord } from './words.js';

/** A change with what only the run directories say. */
export interface ShownChange extends RateChange {
  /** Run directories of the two sides: one that failed and one that did not, whichever side is which. */
  readonly badDirectory?: string | undefined;
  readonly goodDirectory?: string | undefined;
  /** The command that reproduces the failure; absent when the plan cannot be read. */
  readonly reproduce?: string | undefined;
}

/** A cell's history, its changes completed. */
export interface ShownHistory extends Omit<CellHistory, 'changes'> {
  readonly changes: readonly ShownChange[];
}

/** Options of {@link historyText}. */
export interface HistoryTextOptions extends TextOptions {
  /** Whether the terminal shows block characters. */
  readonly unicode: boolean;
}

const COLUMNS: readonly Column[] = [
  { title: 'SCENARIO', align: 'left', width: 28 },
  { title: 'KERNEL', align: 'left', width: 24 },
  { title: 'MACHINE', align: 'left', width: 16 },
  { title: 'HISTORY', align: 'left', width: 25 },
  { title: 'FAILED', align: 'right', width: 15 },
  { title: 'RATE', align: 'right', width: 7 },
  { title: '95 % INTERVAL', align: 'right', width: 15 },
  { title: 'TREND', align: 'left', width: 11 },
];

const PAINT: Readonly<Record<CellTrend, keyof Palette['outcome']>> = {
  regressed: 'unexpected',
  improved: 'inconclusive',
  fixed: 'expected',
  unchanged: 'expected',
  'cannot-tell': 'inconclusive',
};

/** Rates have changed in these ways; read worst first. */
const WORST_FIRST: readonly CellTrend[] = ['regressed', 'improved', 'fixed', 'cannot-tell', 'unchanged'];

/**
 * The history of cells for people: a table, each change with its builds and commands, for a single cell also each
 * campaign, and the definitions of the numbers. No newline at the end. Pure.
 */
export function historyText(cells: readonly ShownHistory[], options: HistoryTextOptions): string {
  const colors = palette(options);
  const ordered = cells.toSorted((a, b) => WORST_FIRST.indexOf(a.trend) - WORST_FIRST.indexOf(b.trend));
  const rows = ordered.map((cell) => rowOf(cell, { colors, unicode: options.unicode }));
  const [only, ...others] = ordered;
  return [
    ...textTable(fitted(COLUMNS, rows), rows, colors.bold),
    ...(only !== undefined && others.length === 0 ? ['', ...pointLines(only, colors)] : []),
    ...ordered.flatMap((cell) => changesOf(cell, { all: others.length === 0, colors })),
    '',
    ...readingLines(ordered, options).map(colors.dim),
  ].join('\n');
}

/** `default (tcg)`. */
function machineText({ machine, accel }: CellName): string {
  return `${machine === undefined ? 'default' : safeName(machine)} (${accel})`;
}

/** A build's label with the start of its sha256, which tells builds of one release apart. */
export function buildText({ label, sha256, capture }: Build): string {
  const one = (name: string, hash: string) => `${safeName(name)} [${safeName(hash.slice(0, 8))}]`;
  const first = one(label, sha256);
  return capture === undefined ? first : `${first} -> ${one(capture.label, capture.sha256)}`;
}

function rowOf(
  { cell, points, now, interval, trend }: ShownHistory,
  { colors, unicode }: { colors: Palette; unicode: boolean },
): CellLine[][] {
  return [
    [{ text: safeName(cell.scenario) }],
    [{ text: safeName(cell.kernel) }],
    [{ text: machineText(cell) }],
    [{ text: sparkline(points, { unicode }) }],
    [{ text: `${now.failures}/${now.judged}` }],
    [{ text: rateText(now) }],
    [{ text: intervalText(interval) }],
    [{ text: trend, paint: colors.outcome[PAINT[trend]] }],
  ];
}

function rateText({ failures, judged }: Seen): string {
  return judged === 0 ? '-' : percent(failures / judged);
}

function intervalText(interval: readonly [number, number] | undefined): string {
  return interval === undefined ? '-' : `${percent(interval[0])} .. ${percent(interval[1])}`;
}

/** `0/30, at most 9.5 %`, `10/10, 69 % .. 100 %`. */
function seenText(seen: Seen): string {
  const missed = missedRate(seen);
  const bounds =
    missed === undefined
      ? intervalText(rateInterval(seen.failures, seen.judged))
      : `at most ${percent(missed)}`;
  return `${seen.failures}/${seen.judged} failed (${bounds})`;
}

/** All changes, or the latest one and how the others are shown. */
function changesOf(
  history: ShownHistory,
  { all, colors }: { readonly all: boolean; readonly colors: Palette },
): string[] {
  const { changes, cell } = history;
  const earlier = all ? 0 : changes.length - 1;
  const lines = changes
    .slice(Math.max(0, earlier))
    .flatMap((change) => ['', ...changeLines(history, change, colors)]);
  if (earlier <= 0) return lines;
  const name = [cell.scenario, cell.kernel, cell.machine ?? 'default'].join('/');
  return [...lines, `  before that ${countOf(earlier, 'change')}: crashpath history ${shellWord(name)}`];
}

function changeLines(history: ShownHistory, change: ShownChange, colors: Palette): string[] {
  const { direction, last, first, before, after, pValue, sameBuild } = change;
  const { cell, points } = history;
  const rose = direction === 'rose';
  const word = rose ? 'regressed' : after.failures === 0 ? 'fixed' : 'improved';
  const [lastWords, firstWords] = rose
    ? ['last good build', 'first bad build']
    : ['last bad build', `first ${after.failures === 0 ? 'good' : 'better'} build`];
  return [
    `${colors.outcome[PAINT[word]](word)}: ${colors.bold(safeName(cell.scenario))}, kernel ${safeName(cell.kernel)}, machine ${machineText(cell)}`,
    `  rate: ${seenText(before)}, then ${seenText(after)}; ${pText(pValue)}`,
    `  ${lastWords}: ${placeText(last)}`,
    `  ${firstWords}: ${placeText(first)}`,
    ...(sameBuild ? ['  the build is the same on both sides: something other than the kernel changed'] : []),
    ...rangeLines(change, points),
    ...(change.reproduce === undefined ? [] : [`  reproduce: ${change.reproduce}`]),
    ...(change.badDirectory === undefined
      ? []
      : [`  failed run: crashpath show ${shellWord(change.badDirectory)}`]),
    ...(change.badDirectory === undefined || change.goodDirectory === undefined
      ? []
      : [
          `  what differs: crashpath diff ${shellWord(change.goodDirectory)} ${shellWord(change.badDirectory)}`,
        ]),
  ];
}

function pText(pValue: number): string {
  return pValue < 0.0001 ? 'p < 0.0001' : `p = ${pValue.toPrecision(2)}`;
}

function placeText({ build, campaign, at }: HistoryPoint): string {
  return `${buildText(build)}, ${safeName(campaign)}, ${safeName(at.slice(0, 16))}`;
}

/** What the counts do not exclude. */
function rangeLines({ at, earliest, latest }: ShownChange, points: readonly HistoryPoint[]): string[] {
  if (earliest === at && latest === at) return [];
  const text = (index: number) => {
    const point = points[index];
    return point === undefined ? '?' : `${buildText(point.build)} of ${safeName(point.campaign)}`;
  };
  const bounds = [
    ...(earliest < at ? [`as early as ${text(earliest)}`] : []),
    ...(latest > at ? [`as late as ${text(latest)}`] : []),
  ];
  return [`  the trials are too few to exclude that it changed ${bounds.join(', or ')}`];
}

const POINT_COLUMNS: readonly Column[] = [
  { title: 'BEGAN (UTC)', align: 'left', width: 16 },
  { title: 'CAMPAIGN', align: 'left', width: 36 },
  { title: 'BUILD', align: 'left', width: 40 },
  { title: 'FAILED', align: 'right', width: 15 },
  { title: '95 % INTERVAL', align: 'right', width: 15 },
  { title: 'NOT JUDGED', align: 'right', width: 10 },
];

function pointLines({ points, changes }: ShownHistory, colors: Palette): string[] {
  const marks = new Map(changes.map(({ at, direction }) => [at, direction]));
  const rows = points.map((point, index) => {
    const mark = marks.get(index);
    const paint = mark === undefined ? undefined : colors.bold;
    return [
      [{ text: safeName(point.at.slice(0, 16).replace('T', ' ')), paint }],
      [{ text: safeName(point.campaign), paint }],
      [{ text: buildText(point.build), paint }],
      [{ text: `${point.failures}/${point.judged}`, paint }],
      [{ text: intervalText(rateInterval(point.failures, point.judged)), paint }],
      [{ text: String(point.void + point.harnessErrors), paint }],
      [{ text: mark ?? '', paint }],
    ];
  });
  const columns = [...POINT_COLUMNS, { title: '', align: 'left', width: 4 } as const];
  return textTable(fitted(columns, rows), rows, colors.bold);
}

/** No wider than the text; folded at the column's width. */
function fitted(columns: readonly Column[], rows: readonly (readonly (readonly CellLine[])[])[]): Column[] {
  return columns.map((column, index) => ({
    ...column,
    width: Math.max(
      column.title.length,
      Math.min(column.width, ...[Math.max(0, ...rows.map((row) => row[index]?.[0]?.text.length ?? 0))]),
    ),
  }));
}

function readingLines(cells: readonly ShownHistory[], { unicode }: HistoryTextOptions): string[] {
  const corrected = cells[0]?.cells ?? 0;
  return [
    unicode
      ? 'history: one character for each campaign and build, oldest first: lowest none failed, full all failed, dot nothing judged'
      : 'history: one character for each campaign and build, oldest first: 0 none failed, 1-9 tenths, X all failed, . nothing judged',
    'failed: not captured / judged since the latest change; void and harness errors are not judged',
    // Without a cell that has two points nothing was tested.
    ...(corrected === 0
      ? []
      : [
          `p: Fisher's exact test, two-sided, corrected for every boundary between campaigns and for ${countOf(corrected, 'cell')}`,
        ]),
  ];
}
