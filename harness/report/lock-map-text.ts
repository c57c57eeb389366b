import type { Confirmation } from '../sweep/crash-locks/confirm.js';
import type { Context } from '../sweep/crash-locks/contexts.js';
import { callerOf, type LockSite, PHASES } from '../sweep/crash-locks/locks.js';
import {
  type HeldEnd,
  isFatal,
  isUnexplained,
  type LockComparison,
  type LockMap,
  type LockRow,
  type MappedLock,
} from '../sweep/crash-locks/map.js';
import { type Holder, HOLDERS } from '../sweep/crash-locks/script.js';
import { atomicsLines, flagNotes, flagsText } from './atomics-text.js';
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
    [{ text: lockText(lock) }],
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
    ...atomicsLines(map),
  ].join('\n');
}

/** The context of the panic, in words. */
const CONTEXT_WORDS: Readonly<Record<Context, string>> = {
  task: 'a task',
  softirq: 'a softirq',
  hardirq: 'a timer interrupt',
  nmi: 'an NMI',
};

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

/** How a lock's run ended, for people. */
export function endText(end: HeldEnd): string {
  if (end.end === 'not taken') return '- not taken then';
  if (end.end === 'no name') return 'unknown: it has no name';
  if (end.end === 'one CPU') return '- one CPU only';
  if (end.end === 'not in NMI') return 'unknown: cannot be taken in an NMI';
  if (end.end === 'not run') return 'NOT RUN';
  if (!('text' in end)) return end.end;
  return isUnexplained(end) ? `${safeName(end.text)}, not shown to be this lock` : safeName(end.text);
}

/** A lock's name, and whether others have it. */
export function lockText({ name, addresses = 1 }: Pick<MappedLock, 'name' | 'addresses'>): string {
  return addresses === 1 ? safeName(name) : `${safeName(name)} (${addresses} locks: the first is held)`;
}

function fatalLines({ locks }: LockMap): string[] {
  const fatal = locks.filter(isFatalLock).flatMap((lock) => {
    const callers = [...new Set(lock.sites.map((site) => callerOf(site)))];
    const what = `${safeName(lock.name)} (${lock.kind}), taken in ${callers.map(safeName).join(', ')}`;
    const lines = HOLDERS.flatMap((holder) => {
      if (isFatal(lock.held[holder]) !== true) return [];
      const confirmation = lock.confirmed[holder];
      const isConfirmed = confirmation?.end === 'confirmed';
      const by = lock.early === true && holder === 'another' ? 'another CPU' : HOLDER_WORDS[holder];
      const head = `${isConfirmed ? 'FATAL' : 'FATAL IF HELD'} by ${by}: ${what}`;
      return [head, ...(confirmation === undefined ? [] : [`  ${confirmationText(confirmation, holder)}`])];
    });
    return [...lines, ...flagNotes(lock).map((note) => `  ${note}`)];
  });
  const unexplained = locks.flatMap(({ name, kind, held }) =>
    HOLDERS.filter((holder) => isUnexplained(held[holder])).map(
      (holder) =>
        `NOT CAPTURED, and not shown to be this lock, held by ${HOLDER_WORDS[holder]}: ${safeName(name)} (${kind})`,
    ),
  );
  return [...(fatal.length === 0 ? ['no lock is shown to be fatal when it is held'] : fatal), ...unexplained];
}

/** Whether a CPU comes to hold the lock by itself, and what becomes of the crash then. */
export function confirmationText({ end, takers, tried }: Confirmation, holder: Holder): string {
  const calls = `${countOf(takers.length, 'call')} in the text ${takers.length === 1 ? 'takes' : 'take'} it`;
  const last = tried.at(-1);
  const does = holder === 'another' ? 'was stopped' : 'panicked';
  switch (end) {
    case 'confirmed':
      return `confirmed: a CPU that came to ${safeName(last?.in ?? '')} by itself (${last?.stimulus}) ${does} with it held: ${endText(last?.outcome ?? { end: 'not run' })}, ${last?.outcome.runId}; ${calls}`;
    case 'harmless there':
    case 'not shown':
    case 'not reached':
      return `not confirmed: ${tried.map(({ in: place, outcome }) => `${safeName(place)}: ${endText(outcome)}`).join('; ')}; ${calls}`;
    case 'no stimulus':
      return `not confirmed: no stimulus leads to a call that takes it; ${calls}: ${functionsIn(takers)}`;
    case 'no taker':
      return 'not confirmed: no call in the text takes it by its address';
    case 'not searched':
      return 'not confirmed: it is allocated or of each CPU, and the calls that take it are not searched';
    case 'not run':
      return 'NOT RUN: whether a CPU comes to hold it by itself';
  }
}

const MOST_FUNCTIONS = 8;

function functionsIn(takers: Confirmation['takers']): string {
  const names = [...new Set(takers.map(({ in: inside }) => safeName(inside)))];
  const more = names.length - MOST_FUNCTIONS;
  return `${names.slice(0, MOST_FUNCTIONS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Who holds a lock, in words. */
export const HOLDER_WORDS: Readonly<Record<Holder, string>> = {
  another: 'a stopped CPU',
  itself: 'the panicking CPU',
};

/** Whether the lock is shown to prevent the dump, whoever holds it. */
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

/** What changed for a lock. */
export function changeText({ moved, unexplained }: LockRow): string {
  return moved ? 'MOVED' : unexplained ? '?' : '';
}

/** Two maps for a terminal, lock by lock. */
export function lockComparisonText({ baseline, candidate, rows, moved }: LockComparison): string {
  const cells = rows.map((row): CellLine[][] => [
    [{ text: safeName(row.name) }],
    [{ text: row.kind }],
    [{ text: HOLDER_WORDS[row.holder] }],
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
    ...textTable(COMPARISON_COLUMNS, cells, (title) => title),
    '',
    'baseline:',
    ...fatalLines(baseline).map((line) => `  ${line}`),
    'candidate:',
    ...fatalLines(candidate).map((line) => `  ${line}`),
    '',
    moved ? 'the maps differ' : 'nothing moved',
    ...(rows.some(({ unexplained }) => unexplained)
      ? ['?: no dump, and not shown to be this lock: whether that moved is not known']
      : []),
  ].join('\n');
}
