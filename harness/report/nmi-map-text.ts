import type { MapComparison } from '../sweep/compare-maps.js';
import type { Change, MappedPoint, NmiMap, Window } from '../sweep/map.js';
import { type CellLine, type Column, textTable } from './text-table.js';
import { countOf, safeName } from './words.js';

const COLUMNS: readonly Column[] = [
  { title: 'POINT', align: 'right', width: 5 },
  { title: 'BEFORE THE INSTRUCTION', align: 'left', width: 48 },
  { title: '', align: 'left', width: 30 },
  { title: 'NMI GATE', align: 'left', width: 8 },
  { title: 'OUTCOME', align: 'left', width: 34 },
];

/** The map of one kernel for a terminal: the windows, then every probed point. */
export function mapText(map: NmiMap): string {
  const rows = map.probed.map((point) => rowOf(point));
  return [
    ...headLines(map),
    '',
    ...map.windows.flatMap((window, index) => windowLines(window, index + 1)),
    ...(map.windows.length === 0 ? ['no window: an NMI at any probed point still leads to a capture'] : []),
    ...map.changes.filter(({ exact }) => !exact).map(inexactLine),
    ...unreachableLines(map),
    '',
    ...textTable(COLUMNS, rows, (title) => title),
  ].join('\n');
}

/** The subject of the map, in a few lines. */
export function headLines(map: NmiMap): string[] {
  const { kernel, cpus, accel, points, runs, complete, control, probed } = map;
  const capture = kernel.captureRelease === kernel.release ? '' : `, capture kernel ${kernel.captureRelease}`;
  const unknown = probed.filter(({ outcome }) => outcome.end === 'unknown').length;
  return [
    `NMI at the transition: ${safeName(kernel.spec)} (${safeName(kernel.release)}${safeName(capture)}), ${cpus} vCPU${cpus === 1 ? '' : 's'}, ${accel}`,
    `${points} points from panic() to the capture kernel's own IDT; ${probed.length} probed in ${runs} runs${unknown === 0 ? '' : `, ${unknown} unknown`}${complete ? '' : '; NOT COMPLETE'}`,
    control.verdict === 'captured'
      ? 'control, traced without an NMI: captured'
      : `control, traced without an NMI: ${control.verdict} (the outcomes below are not caused by the NMI alone)`,
  ];
}

/** A window's first and last instruction. */
export function windowLines({ first, last, firstExact, lastExact, ends }: Window, number: number): string[] {
  return [
    `window ${number}: ${ends.map(safeName).join('; ')}`,
    `  first  ${lineOf(first)}${firstExact ? '' : '   (or earlier: see below)'}`,
    `  last   ${lineOf(last)}${lastExact ? '' : '   (or later: see below)'}`,
  ];
}

function lineOf({ index, name, instruction }: MappedPoint): string {
  return `${safeName(name)}  ${safeName(instruction)}  [${index}]`;
}

function inexactLine({ from, to, untried }: Change): string {
  const between = untried === 0 ? 'inside what the first one does' : `${untried} points between them`;
  return `the change from ${safeName(from.name)} [${from.index}] to ${safeName(to.name)} [${to.index}] is not at one instruction: ${between}`;
}

function unreachableLines({ unreachable }: NmiMap): string[] {
  if (unreachable === 0) return [];
  return [
    `${countOf(unreachable, 'point')} cannot be probed: no run reaches them within the steps of a script (docs/sweep.md, Limits)`,
  ];
}

function rowOf({ index, name, instruction, nmiGate, outcome }: MappedPoint): CellLine[][] {
  return [String(index), safeName(name), safeName(instruction), nmiGate ? 'yes' : 'no', outcome.text].map(
    (text) => [{ text: safeName(text) }],
  );
}

const COMPARISON_COLUMNS: readonly Column[] = [
  { title: 'FUNCTION', align: 'left', width: 44 },
  { title: 'BASELINE', align: 'left', width: 34 },
  { title: 'CANDIDATE', align: 'left', width: 34 },
  { title: '', align: 'left', width: 5 },
];

/** The comparison for a terminal: both windows, then function by function, with every change marked. */
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
    ...textTable(COMPARISON_COLUMNS, rows, (title) => title),
    '',
    moved ? 'the maps differ' : 'nothing moved',
  ].join('\n');
}

function indentedWindows(windows: readonly Window[]): string[] {
  if (windows.length === 0) return ['  no window'];
  return windows.flatMap((window, index) => windowLines(window, index + 1).map((line) => `  ${line}`));
}
