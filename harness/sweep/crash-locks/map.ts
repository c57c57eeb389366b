import type { Control } from '../map.js';
import type { HeldOutcome } from './blame.js';
import type { Context } from './contexts.js';
import type { LockKind } from './lock-functions.js';
import type { Confirmation } from './confirm.js';
import type { CrashAtomic } from './flags.js';
import { knownFlag } from './known-flags.js';
import type { CrashLock, LockSite } from './locks.js';
import { isEarlyFlag, isOwnerless, type NoHold } from './hold-script.js';
import { type Holder, HOLDERS } from './script.js';

/**
 * A lock's end with one holder: what the run came to, or why there is none; `not run`: a limit or a signal came first.
 */
export type HeldEnd = HeldOutcome | { readonly end: NoHold | 'not run' };

/** A lock of the crash path. Names are stable within `schema` 1. */
export interface MappedLock {
  readonly index: number;
  readonly name: string;
  readonly kind: LockKind | 'flag';
  /** It has no symbol: the name is the function that takes it first. */
  readonly allocated: boolean;
  /** Of an allocated lock: how many locks the place takes, of which the first is held; absent for one. */
  readonly addresses?: number | undefined;
  readonly sites: readonly LockSite[];
  /** Of a flag that is known: what a CPU does that finds it taken. */
  readonly known?: string;
  /** A flag that is taken before the shootdown alone: another owner does not run here, and would give it back. */
  readonly early?: true;
  /** A flag whose word does not say who owns it: it is set as an owner leaves it. */
  readonly ownerless?: true;
  /** With each holder. */
  readonly held: Readonly<Record<Holder, HeldEnd>>;
  /** With each holder that makes it fatal: whether a CPU comes to hold it by itself. */
  readonly confirmed: Readonly<Partial<Record<Holder, Confirmation>>>;
  /** With each holder, in a word; absent in maps of older versions. */
  readonly conclusion?: Readonly<Record<Holder, HolderConclusion>>;
}

/** The map of one kernel. */
export interface LockMap {
  readonly schema: 1;
  readonly sweep: 'crash-locks';
  readonly kernel: { readonly spec: string; readonly release: string; readonly captureRelease: string };
  readonly cpus: number;
  readonly accel: string;
  /** QEMU's version; absent in maps of older versions. */
  readonly qemu?: string;
  /** In which the CPU panics. */
  readonly context: Context;
  /** Present when pstore kept the log of the panic. */
  readonly pstore?: true;
  /** Command line of the first kernel, without what crashpath adds. */
  readonly append: string;
  readonly runs: number;
  /** False when a recording is missing, or a lock was not run. */
  readonly complete: boolean;
  /** Runs that recorded, with no lock held. */
  readonly controls: readonly Control[];
  /** Lock functions that the kernel does not have under that name. */
  readonly missing: readonly string[];
  /** Lock functions whose recording did not come to the jump, with the reason. */
  readonly unrecorded: readonly { readonly functions: readonly string[]; readonly why: string }[];
  readonly locks: readonly MappedLock[];
  /** Locked instructions on the crash path that take no named flag; absent in maps of older versions. */
  readonly atomics?: readonly CrashAtomic[];
  /** Functions of the crash path whose instructions could not be looked at, with the reason. */
  readonly unseen?: readonly { readonly function: string; readonly why: string }[];
}

/** Whether a held lock is shown to prevent the dump. Undefined: not known, not shown, or never the case. */
export function isFatal(end: HeldEnd): boolean | undefined {
  if (!('runId' in end) || end.end === 'unknown') return undefined;
  if (end.end === 'captured') return false;
  return end.blame === undefined ? undefined : true;
}

/** Whether there is no dump, and nothing shows that the held lock is the cause. */
export function isUnexplained(end: HeldEnd): boolean {
  return 'runId' in end && end.end !== 'unknown' && end.end !== 'captured' && end.blame === undefined;
}

/**
 * What a map concludes of a lock with a holder, worst first. `fatal`: a CPU came to hold it by itself, and there was no dump;
 * `fatal-if-held`: there is none when it is held; `not-shown`: there was none, and nothing shows that the lock is the cause;
 * `unknown`: no run came to an end that tells, or no script can make the state; `harmless`: captured; `none`: no such case.
 */
export const HOLDER_CONCLUSIONS = [
  'fatal',
  'fatal-if-held',
  'not-shown',
  'not-run',
  'unknown',
  'harmless',
  'none',
] as const;
export type HolderConclusion = (typeof HOLDER_CONCLUSIONS)[number];

/** What is concluded from the end with a lock held, and from the runs that followed it up. */
export function conclusionOf(
  { held, confirmed }: Pick<MappedLock, 'held' | 'confirmed'>,
  holder: Holder,
): HolderConclusion {
  const end = held[holder];
  if (isFatal(end) === true) return confirmed[holder]?.end === 'confirmed' ? 'fatal' : 'fatal-if-held';
  if (isUnexplained(end)) return 'not-shown';
  if (end.end === 'captured') return 'harmless';
  if (end.end === 'not run') return 'not-run';
  return end.end === 'not taken' || end.end === 'one CPU' ? 'none' : 'unknown';
}

/** Makes the map's rows: `outcomeOf` gives what a run came to, or why there is no such run. */
export function mappedLocks(
  locks: readonly CrashLock[],
  outcomeOf: (index: number, holder: Holder) => HeldOutcome | NoHold | undefined,
  confirmationOf: (index: number, holder: Holder) => Confirmation | undefined,
): MappedLock[] {
  return locks.map((lock, index): MappedLock => {
    const endWith = (holder: Holder): HeldEnd => {
      const outcome = outcomeOf(index, holder);
      return typeof outcome === 'object' ? outcome : { end: outcome ?? 'not run' };
    };
    const { name, kind, data, sites, addresses } = lock;
    const held = { another: endWith('another'), itself: endWith('itself') };
    const confirmed: Partial<Record<Holder, Confirmation>> = {};
    for (const holder of HOLDERS) {
      const confirms = isFatal(held[holder]) === true && kind !== 'flag';
      const confirmation = confirms ? confirmationOf(index, holder) : undefined;
      if (confirmation !== undefined) confirmed[holder] = confirmation;
    }
    const known = kind === 'flag' ? knownFlag(name)?.why : undefined;
    return {
      ...{ index, name, kind, allocated: data === undefined, addresses, sites },
      ...(known === undefined ? {} : { known }),
      ...(isEarlyFlag(lock) ? { early: true } : {}),
      ...(isOwnerless(lock) ? { ownerless: true } : {}),
      ...{ held, confirmed },
      conclusion: {
        another: conclusionOf({ held, confirmed }, 'another'),
        itself: conclusionOf({ held, confirmed }, 'itself'),
      },
    };
  });
}

/** What makes locks of several maps one. */
export function keyOf({ kind, name }: Pick<CrashLock, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}

/** A lock of two kernels. */
export interface LockRow {
  readonly name: string;
  readonly kind: LockKind | 'flag';
  readonly holder: Holder;
  readonly baseline: HeldEnd | undefined;
  readonly candidate: HeldEnd | undefined;
  /** Fatal in one, harmless in the other. */
  readonly moved: boolean;
  /** In one of them there is no dump, and nothing shows that the lock is the cause. */
  readonly unexplained: boolean;
}

/** Two maps side by side. Names are stable within `schema` 1. */
export interface LockComparison {
  readonly schema: 1;
  readonly sweep: 'crash-locks';
  readonly baseline: LockMap;
  readonly candidate: LockMap;
  readonly rows: readonly LockRow[];
  readonly moved: boolean;
}

/** Compares lock by lock, by kind and name. */
export function compareLockMaps(baseline: LockMap, candidate: LockMap): LockComparison {
  const keys = [...new Set([...baseline.locks, ...candidate.locks].map(keyOf))];
  const rows = keys.flatMap((key): LockRow[] => {
    const one = baseline.locks.find((lock) => keyOf(lock) === key);
    const other = candidate.locks.find((lock) => keyOf(lock) === key);
    const either = one ?? other;
    if (either === undefined) return [];
    return HOLDERS.map((holder): LockRow => {
      const [before, after] = [one?.held[holder], other?.held[holder]];
      const fatal = [before, after].map((end) => (end === undefined ? undefined : isFatal(end)));
      return {
        ...{ name: either.name, kind: either.kind, holder, baseline: before, candidate: after },
        moved: fatal[0] !== undefined && fatal[1] !== undefined && fatal[0] !== fatal[1],
        unexplained: [before, after].some((end) => end !== undefined && isUnexplained(end)),
      };
    });
  });
  return {
    ...{ schema: 1, sweep: 'crash-locks', baseline, candidate, rows },
    moved: rows.some(({ moved }) => moved),
  };
}
