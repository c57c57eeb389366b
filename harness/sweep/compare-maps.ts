import { safeName } from '../report/words.js';
import { type CellLine, type Column, textTable } from '../report/text-table.js';
import type { NmiMap, Window } from './map.js';
import { headLines, windowLines } from '../report/nmi-map-text.js';
import { STAGES } from './instruction-trace.js';

/** What happened in one function of the way, or part of it, on both kernels. */
export interface GroupRow {
  readonly stage: string;
  readonly group: string;
  /** Ends in order along the way, without repetition; empty where nothing was probed or the function is not there. */
  readonly baseline: readonly string[];
  readonly candidate: readonly string[];
  readonly moved: boolean;
}

/** Two maps side by side. Names are stable within `schema` 1. */
export interface MapComparison {
  readonly schema: 1;
  readonly baseline: NmiMap;
  readonly candidate: NmiMap;
  readonly groups: readonly GroupRow[];
  /** True when a function that both have ends differently, or the number of windows differs. */
  readonly moved: boolean;
}

/** Holds two maps against each other, function by function: instructions have other offsets in every build. */
export function compareMaps(baseline: NmiMap, candidate: NmiMap): MapComparison {
  const [one, other] = [endsByGroup(baseline), endsByGroup(candidate)];
  const keys = mergeOrder([...one.keys()], [...other.keys()]);
  const groups = keys.map((key): GroupRow => {
    const [stage = '', group = ''] = key.split('\n');
    const [before, after] = [one.get(key) ?? [], other.get(key) ?? []];
    const both = before.length > 0 && after.length > 0;
    return {
      stage,
      group,
      baseline: before,
      candidate: after,
      moved: both && before.join() !== after.join(),
    };
  });
  const moved = groups.some((row) => row.moved) || baseline.windows.length !== candidate.windows.length;
  return { schema: 1, baseline, candidate, groups, moved };
}

function endsByGroup({ probed }: NmiMap): Map<string, string[]> {
  const ends = new Map<string, string[]>();
  for (const { stage, group, outcome } of probed) {
    const key = `${stage}\n${group}`;
    const list = ends.get(key) ?? [];
    if (list.at(-1) !== outcome.text) list.push(outcome.text);
    ends.set(key, list);
  }
  return ends;
}

/** Both orders kept as far as they agree; what only the second has comes behind what it follows there. */
function mergeOrder(first: readonly string[], second: readonly string[]): string[] {
  const merged = [...first];
  for (const [place, key] of second.entries()) {
    if (merged.includes(key)) continue;
    const before = second.slice(0, place).findLast((other) => merged.includes(other));
    merged.splice(before === undefined ? 0 : merged.indexOf(before) + 1, 0, key);
  }
  return merged.sort((one, other) => stageRank(one) - stageRank(other));
}

function stageRank(key: string): number {
  return STAGES.findIndex((stage) => key.startsWith(`${stage}\n`));
}

const COLUMNS: readonly Column[] = [
  { title: 'FUNCTION', align: 'left', width: 44 },
  { title: 'BASELINE', align: 'left', width: 34 },
  { title: 'CANDIDATE', align: 'left', width: 34 },
  { title: '', align: 'left', width: 5 },
];

/** The comparison for a terminal: both windows, then function by function, with what moved marked. */
export function comparisonText({ baseline, candidate, groups, moved }: MapComparison): string {
  const rows = groups.map((row): CellLine[][] => [
    [{ text: safeName(row.group) }],
    [{ text: row.baseline.map(safeName).join(' -> ') || '-' }],
    [{ text: row.candidate.map(safeName).join(' -> ') || '-' }],
    [{ text: row.moved ? 'MOVED' : '' }],
  ]);
  return [
    'baseline:',
    ...headLines(baseline).map((line) => `  ${line}`),
    ...indentedWindows(baseline.windows),
    'candidate:',
    ...headLines(candidate).map((line) => `  ${line}`),
    ...indentedWindows(candidate.windows),
    '',
    ...textTable(COLUMNS, rows, (title) => title),
    '',
    moved ? 'the maps differ' : 'nothing moved',
  ].join('\n');
}

function indentedWindows(windows: readonly Window[]): string[] {
  if (windows.length === 0) return ['  no window'];
  return windows.flatMap((window, place) => windowLines(window, place + 1).map((line) => `  ${line}`));
}
