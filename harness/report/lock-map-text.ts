import { CONTEXT_WORDS } from '../sweep/crash-locks/contexts.js';
import { type LockSite, PHASES } from '../sweep/crash-locks/locks.js';
import { keyOf, type LockComparison, type LockMap, type LockRow } from '../sweep/crash-locks/map.js';
import { atomicsLines, flagsText } from './atomics-text.js';
import { lockListLines } from './lock-list.js';
import { endOfText, endText, holderLegend, holderWord, lockText } from './lock-words.js';
import { type CellLine, type Column, type TableLayout, textTable } from './text-table.js';
import { countOf, safeName } from './words.js';

const COLUMNS: readonly Column[] = [
  { title: 'LOCK', align: 'left', width: 36 },
  { title: 'KIND', align: 'left', width: 11 },
  { title: 'TAKEN', align: 'left', width: 44 },
  { title: 'HELD BY ANOTHER CPU', align: 'left', width: 24 },
  { title: 'BY THE PANICKING CPU', align: 'left', width: 24 },
];

/** The map of one kernel for a terminal: the head, then every lock. */
export function lockMapText(map: LockMap, layout?: TableLayout): string {
  const rows = map.locks.map((lock): CellLine[][] => [
    [{ text: lockText(lock) }],
    [{ text: lock.kind }],
    lock.sites.map((site) => ({ text: siteText(site) })),
    [{ text: endOfText(lock, 'another') }],
    [{ text: endOfText(lock, 'itself') }],
  ]);
  return [
    ...lockMapHead(map),
    '',
    ...textTable(COLUMNS, rows, (title) => title, layout),
    '',
    ...lockListLines([{ map }]),
    ...atomicsLines(map),
  ].join('\n');
}

/** The subject of the map, in a few lines. */
export function lockMapHead(map: LockMap): string[] {
  const {
    kernel,
    cpus,
    accel,
    context,
    pstore,
    append,
    locks,
    runs,
    complete,
    controls,
    missing,
    unrecorded,
  } = map;
  const capture = kernel.captureRelease === kernel.release ? '' : `, capture kernel ${kernel.captureRelease}`;
  const sites = locks.reduce((sum, lock) => sum + lock.sites.length, 0);
  const lost = controls.filter(({ verdict }) => verdict !== 'captured');
  return [
    `locks of the crash path: ${safeName(kernel.spec)} (${safeName(kernel.release)}${safeName(capture)}), ${countOf(cpus, 'vCPU')}, ${accel}, panic in ${CONTEXT_WORDS[context]}${pstore ? ', pstore (ramoops)' : ''}${append === '' ? '' : `, ${safeName(append)}`}`,
    `${countOf(locks.length, 'lock')}${flagsText(locks)} taken at ${countOf(sites, 'place')}; ${countOf(runs, 'run')}${complete ? '' : '; NOT COMPLETE'}`,
    lost.length === 0
      ? `controls, recorded with no lock held: ${countOf(controls.length, 'run')}, all captured`
      : `controls, recorded with no lock held: ${lost.length} of ${controls.length} not captured (${[...new Set(lost.map(({ verdict }) => verdict))].join(', ')}): a hang that is not shown to be a lock's may have the same cause`,
    ...unrecorded.map(({ functions, why }) => `not recorded: ${functions.join(', ')}: ${safeName(why)}`),
    ...(missing.length === 0 ? [] : [`not in this kernel: ${missing.join(', ')}`]),
  ];
}

/** `trylock in serial8250_console_write+0x43, 32 times, before the shootdown`. */
function siteText({ how, from, count, phase }: LockSite): string {
  const at = from.replace(/\/0x[0-9a-f]+.*$/, '');
  const when = phase === PHASES[0] ? 'before' : 'after';
  return `${how} ${when}: ${safeName(at)}${count === 1 ? '' : ` (${count})`}`;
}

const COMPARISON_COLUMNS: readonly Column[] = [
  { title: 'LOCK', align: 'left', width: 36 },
  { title: 'KIND', align: 'left', width: 11 },
  { title: 'HELD BY', align: 'left', width: 17 },
  { title: 'BASELINE', align: 'left', width: 24 },
  { title: 'CANDIDATE', align: 'left', width: 24 },
  { title: '', align: 'left', width: 5 },
];

/** What changed for a lock. */
export function changeText({ moved, unexplained }: LockRow): string {
  return moved ? 'MOVED' : unexplained ? '?' : '';
}

/** Two maps for a terminal, lock by lock. */
export function lockComparisonText(
  { baseline, candidate, rows, moved }: LockComparison,
  layout?: TableLayout,
): string {
  const words = rows.map((row) => comparedHolder(row, [baseline, candidate]));
  const cells = rows.map((row, index): CellLine[][] => [
    [{ text: safeName(row.name) }],
    [{ text: row.kind }],
    [{ text: words[index] ?? '' }],
    [{ text: row.baseline === undefined ? '-' : endText(row.baseline) }],
    [{ text: row.candidate === undefined ? '-' : endText(row.candidate) }],
    [{ text: changeText(row) }],
  ]);
  return [
    'baseline:',
    ...lockMapHead(baseline).map((line) => `  ${line}`),
    'candidate:',
    ...lockMapHead(candidate).map((line) => `  ${line}`),
    '',
    ...textTable(COMPARISON_COLUMNS, cells, (title) => title, layout),
    '',
    ...holderLegend(words),
    'baseline:',
    ...lockListLines([{ map: baseline }]).map((line) => `  ${line}`),
    'candidate:',
    ...lockListLines([{ map: candidate }]).map((line) => `  ${line}`),
    '',
    moved ? 'the maps differ' : 'nothing moved',
    ...(rows.some(({ unexplained }) => unexplained)
      ? ['?: no dump, and not shown to be this lock: whether that moved is not known']
      : []),
  ].join('\n');
}

/** Who holds the lock of a row, in a word that is true in both maps. */
export function comparedHolder(row: LockRow, maps: readonly LockMap[]): string {
  return holderWord(
    maps.flatMap(({ locks }) => locks.filter((lock) => keyOf(lock) === keyOf(row))),
    row.holder,
  );
}
