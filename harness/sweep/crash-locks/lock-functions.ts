import { MOST_PLACES } from '../../trigger/choreography-steps.js';

/** What a lock is, by the functions that take it. */
export const LOCK_KINDS = ['spinlock', 'rwlock', 'mutex', 'semaphore', 'rwsem', 'rt-spinlock'] as const;
export type LockKind = (typeof LOCK_KINDS)[number];

/** A kernel function that takes a lock whose address is its first argument. */
export interface LockFunction {
  readonly name: string;
  readonly kind: LockKind;
  /** `trylock`: it gives up at once, or after a time, when the lock is held. */
  readonly how: 'lock' | 'trylock';
}

function functions(
  kind: LockKind,
  { lock, trylock }: { lock: readonly string[]; trylock: readonly string[] },
): LockFunction[] {
  return [
    ...lock.map((name): LockFunction => ({ name, kind, how: 'lock' })),
    ...trylock.map((name): LockFunction => ({ name, kind, how: 'trylock' })),
  ];
}

/**
 * Functions that take locks, those of the crash path of 6.1 first (kernel/locking/spinlock.c, mutex.c, semaphore.c,
 * rwsem.c, spinlock_rt.c, v6.1). Only distribution kernels without lock debugging have been looked at: there all are
 * functions of their own. A kernel does not have all.
 */
export const LOCK_FUNCTIONS: readonly LockFunction[] = [
  ...functions('spinlock', {
    lock: ['_raw_spin_lock_irqsave', '_raw_spin_lock', '_raw_spin_lock_irq', '_raw_spin_lock_bh'],
    trylock: ['_raw_spin_trylock', '_raw_spin_trylock_bh'],
  }),
  ...functions('mutex', {
    lock: ['mutex_lock', 'mutex_lock_interruptible', 'mutex_lock_killable'],
    trylock: ['mutex_trylock'],
  }),
  ...functions('semaphore', {
    lock: ['down'],
    trylock: ['down_trylock', 'down_timeout', 'down_interruptible'],
  }),
  ...functions('rwsem', {
    lock: ['down_read', 'down_write'],
    trylock: ['down_read_trylock', 'down_write_trylock'],
  }),
  ...functions('rwlock', {
    lock: [
      '_raw_read_lock',
      '_raw_read_lock_irqsave',
      '_raw_read_lock_irq',
      '_raw_write_lock',
      '_raw_write_lock_irqsave',
      '_raw_write_lock_irq',
    ],
    trylock: ['_raw_read_trylock', '_raw_write_trylock'],
  }),
  ...functions('rt-spinlock', { lock: ['rt_spin_lock'], trylock: ['rt_spin_trylock'] }),
];

/** Names of the functions that take, or try to take, a lock of a kind. */
export function takingFunctions(kind: LockKind): string[] {
  return LOCK_FUNCTIONS.filter((taken) => taken.kind === kind).map(({ name }) => name);
}

/** Functions whose words are the locks that they take. */
export const OF_LOCKS: ReadonlySet<string> = new Set(LOCK_FUNCTIONS.map(({ name }) => name));

/** A function that makes its caller a lock's owner, by the lock's kind, and what it returns then. */
export const TAKES: Readonly<Record<LockKind, { readonly function: string; readonly returns: number }>> = {
  spinlock: { function: '_raw_spin_trylock', returns: 1 },
  // Held by a writer, it keeps readers and writers out.
  rwlock: { function: '_raw_write_trylock', returns: 1 },
  mutex: { function: 'mutex_trylock', returns: 1 },
  // The other way round (kernel/locking/semaphore.c, v6.1).
  semaphore: { function: 'down_trylock', returns: 0 },
  rwsem: { function: 'down_write_trylock', returns: 1 },
  'rt-spinlock': { function: 'rt_spin_trylock', returns: 1 },
};

/** Places of a recording in groups, one for each run. */
export function roundsOf<Place>(places: readonly Place[]): Place[][] {
  return Array.from({ length: Math.ceil(places.length / MOST_PLACES) }, (_, round) =>
    places.slice(round * MOST_PLACES, (round + 1) * MOST_PLACES),
  );
}

/** The functions in groups, one for each run that records. */
export const ROUNDS: readonly (readonly LockFunction[])[] = roundsOf(LOCK_FUNCTIONS);
