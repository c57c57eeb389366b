import type { CrashAtomic } from '../sweep/crash-locks/flags.js';
import type { LockMap, MappedLock } from '../sweep/crash-locks/map.js';
import { countOf, safeName } from './words.js';

/** Why a locked instruction is not tried, in the order in which they are listed. */
const WHY: readonly (readonly [CrashAtomic['use'], string])[] = [
  ['varies', 'no fixed value'],
  ['allocated', 'the word has no name'],
  ['busy', 'the word was not free'],
  ['unused', 'its result is not used'],
  ['release', 'gives back'],
  ['counter', 'counts'],
  ['bits', 'changes bits'],
  ['unreadable', 'the word cannot be read'],
];

/** The locked instructions that take no named flag, by what they do, and what was not looked into. */
export function atomicsLines({ atomics, unseen = [], locks }: LockMap): string[] {
  if (atomics === undefined) return [];
  const flags = locks.filter(({ kind }) => kind === 'flag');
  const taking = flags.reduce((sum, { sites }) => sum + sites.length, 0);
  const executed = atomics.filter(({ use }) => use !== 'not executed');
  return [
    `locked instructions on the crash path: ${taking + executed.length} of ${taking + atomics.length} that its functions have; ${taking} take flags`,
    ...WHY.flatMap(([use, words]) => {
      const those = executed.filter((atomic) => atomic.use === use);
      return those.length === 0 ? [] : [`not tried, ${words}: ${those.map(atomicText).join(', ')}`];
    }),
    ...(unseen.length === 0
      ? []
      : [`not looked into: ${unseen.map(({ function: name }) => safeName(name)).join(', ')}`]),
  ];
}

/** `printk_cpu_sync_nested in __printk_cpu_sync_put+0x12 (3)`. */
function atomicText({ place, name, count }: CrashAtomic): string {
  const at = name === undefined ? safeName(place) : `${safeName(name)} in ${safeName(place)}`;
  return count === 1 ? at : `${at} (${count})`;
}

/** What is to be known about a fatal flag before it is taken for a bug. */
export function flagNotes({ known, early }: Pick<MappedLock, 'known' | 'early'>): string[] {
  return [
    ...(known === undefined ? [] : [known]),
    ...(early === true
      ? [
          'taken before the shootdown: another owner is a CPU that does not run here; one that ran would give it back',
        ]
      : []),
  ];
}

/** How many of the locks are flags, for the head of a map. */
export function flagsText(locks: readonly MappedLock[]): string {
  const flags = locks.filter(({ kind }) => kind === 'flag').length;
  return flags === 0 ? '' : `, ${countOf(flags, 'flag')} among them,`;
}
