import { callerOf, type LockSite, PHASES } from '../sweep/crash-locks/locks.js';
import {
  type HeldEnd,
  isFatal,
  type LockComparison,
  type LockMap,
  type MappedLock,
} from '../sweep/crash-locks/map.js';
import type { Holder } from '../sweep/crash-locks/script.js';
import { type CellLine, type Column, textTable } from './text-table.js';
import { countOf, safeName } from './words.js';

const COLUMNS: readonly Column[] = [
  { title: 'LOCK', align: 'left', width: 36 },
  { title: 'KIND', align: 'left', width: 11 },
  { title: 'TAKEN', align: 'left', width: 44 },
  { title: 'HELD BY A STOPPED CPU', align: 'left', width: 24 },
  { title: 'BY THE PANICKING CPU', align: 'left', width: 24 },
];

/** The map of one kernel for a terminal: the head, then every lock. */
export function lockMapText(map: LockMap): string {
  const rows = map.locks.map((lock): CellLine[][] => [
    [{ text: safeName(lock.name) }],
    [{ text: lock.kind }],
    lock.sites.map((site) => ({ text: siteText(site) })),
    [{ text: endText(lock.held.another) }],
    [{ text: endText(lock.held.itself) }],
  ]);
  return [
    ...lockMapHead(map),
    '',
    ...textTable(COLUMNS, rows, (title) => title),
    '',
    ...fatalLines(map),
  ].join('\n');
}

/** The subject of the map, in a few lines. */
export function lockMapHead(map: LockMap): string[] {
  const { kernel, cpus, accel, append, locks, runs, complete, controls, missing, unrecorded } = map;
  const capture = kernel.captureRelease === kernel.release ? '' : `, capture kernel ${kernel.captureRelease}`;
  const sites = locks.reduce((sum, lock) => sum + lock.sites.length, 0);
  const lost = controls.filter(({ verdict }) => verdict !== 'captured');
  return [
    `locks of the crash path: ${safeName(kernel.spec)} (${safeName(kernel.release)}${safeName(capture)}), ${countOf(cpus, 'vCPU')}, ${accel}${append === '' ? '' : `, ${safeName(append)}`}`,
    `${countOf(locks.length, 'lock')} taken at ${countOf(sites, 'place')}; ${countOf(runs, 'run')}${complete ? '' : '; NOT COMPLETE'}`,
    lost.length === 0
      ? `controls, recorded with no lock held: ${countOf(controls.length, 'run')}, all captured`
      : `controls, recorded with no lock held: ${lost.length} of ${controls.length} not captured (${[...new Set(lost.map(({ verdict }) => verdict))].join(', ')}): the ends below are not caused by the locks alone`,
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

/** How a lock's run ended, for people. */
export function endText(end: HeldEnd): string {
  if (end.end === 'not taken') return '- not taken then';
  if (end.end === 'no name') return 'unknown: it has no name';
  if (end.end === 'not run') return 'NOT RUN';
  return 'text' in end ? safeName(end.text) : end.end;
}

function fatalLines({ locks }: LockMap): string[] {
  const fatal = locks.filter(isFatalLock);
  if (fatal.length === 0) return ['no lock is fatal when it is held'];
  return fatal.map((lock) => {
    const holders = [
      ...(isFatal(lock.held.another) === true ? ['a CPU that was stopped'] : []),
      ...(isFatal(lock.held.itself) === true ? ['the panicking CPU'] : []),
    ];
    const callers = [...new Set(lock.sites.map((site) => callerOf(site)))];
    return `FATAL IF HELD by ${holders.join(' or ')}: ${safeName(lock.name)}, taken in ${callers.map(safeName).join(', ')}`;
  });
}

/** Who holds a lock, in words. */
export const HOLDER_WORDS: Readonly<Record<Holder, string>> = {
  another: 'a stopped CPU',
  itself: 'the panicking CPU',
};

/** Whether the lock prevents the dump, whoever holds it. */
export function isFatalLock({ held }: Pick<MappedLock, 'held'>): boolean {
  return isFatal(held.another) === true || isFatal(held.itself) === true;
}

const COMPARISON_COLUMNS: readonly Column[] = [
  { title: 'LOCK', align: 'left', width: 36 },
  { title: 'KIND', align: 'left', width: 11 },
  { title: 'HELD BY', align: 'left', width: 17 },
  { title: 'BASELINE', align: 'left', width: 24 },
  { title: 'CANDIDATE', align: 'left', width: 24 },
  { title: '', align: 'left', width: 5 },
];

/** Two maps for a terminal, lock by lock. */
export function lockComparisonText({ baseline, candidate, rows, moved }: LockComparison): string {
  const cells = rows.map((row): CellLine[][] => [
    [{ text: safeName(row.name) }],
    [{ text: row.kind }],
    [{ text: HOLDER_WORDS[row.holder] }],
    [{ text: row.baseline === undefined ? '-' : endText(row.baseline) }],
    [{ text: row.candidate === undefined ? '-' : endText(row.candidate) }],
    [{ text: row.moved ? 'MOVED' : '' }],
  ]);
  return [
    'baseline:',
    ...lockMapHead(baseline).map((line) => `  ${line}`),
    'candidate:',
    ...lockMapHead(candidate).map((line) => `  ${line}`),
    '',
    ...textTable(COMPARISON_COLUMNS, cells, (title) => title),
    '',
    moved ? 'the maps differ' : 'nothing moved',
  ].join('\n');
}
