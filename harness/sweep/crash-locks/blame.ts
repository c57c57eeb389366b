import type { LockWait } from '../../model/autopsy.js';
import type { HostFact } from '../../model/record.js';
import { dataPlaceText } from '../../model/recorded-calls.js';
import type { PointOutcome } from '../outcome.js';
import { type LockKind, TAKES } from './lock-functions.js';
import { knownFlag } from './known-flags.js';
import type { CrashLock } from './locks.js';

/**
 * What shows that a run without a capture is due to the lock that it held. `waits`: the machine had stopped for ever, and
 * the panicking CPU waited for the lock at that address. `gives up`: the crash path only tries the lock, and panic() came
 * to its end without starting the crash kernel. `stops itself`: the panicking CPU stands where the kernel stops a CPU that
 * finds the flag taken. Without any, the end may have another cause.
 */
export const BLAMES = ['waits', 'gives up', 'stops itself'] as const;
export type Blame = (typeof BLAMES)[number];

/** What a run with a held lock came to, and what shows that the lock is the cause. */
export type HeldOutcome = PointOutcome & { readonly blame?: Blame | undefined };

/** The run, and the lock that it held. */
export interface HeldRun {
  /** Of its recording. */
  readonly facts: readonly HostFact[];
  /** Of its verdict. */
  readonly detail: string;
  /** Number of the panicking CPU. */
  readonly crasher: number;
  readonly lock: CrashLock;
  /** `by a call`: a directed call took it, which names its address; `by itself`: a CPU came to hold it. */
  readonly held: 'by a call' | 'by itself';
}

/** The detail of a panic() that came to its end (classify/end-checks.ts). */
const NEVER_JUMPED = 'kexec-never-jumped';
/** Locks whose waiters read their word again and again. */
const SPUN: ReadonlySet<LockKind | 'flag'> = new Set(['spinlock', 'rwlock', 'flag'] as const);

/** Judges a run that was not captured. */
export function blameOf(run: HeldRun): Blame | undefined {
  const { facts, detail, lock, held } = run;
  const address = addressOfHeld(facts, lock.kind);
  if (address === undefined && held === 'by a call') return undefined;
  if (isWaitedFor(run, address)) return 'waits';
  if (stopsItself(run)) return 'stops itself';
  // Who waits for a flag has been seen to wait: otherwise it was tried once.
  const isTried = lock.kind === 'flag' || lock.sites.some(({ how }) => how === 'trylock');
  return detail === NEVER_JUMPED && isTried ? 'gives up' : undefined;
}

/** Whether the panicking CPU is where a CPU stops itself that finds this flag taken. */
function stopsItself({ facts, crasher, lock: { kind, name } }: HeldRun): boolean {
  const stopsIn = kind === 'flag' ? knownFlag(name)?.stopsIn : undefined;
  const last = facts.findLast((fact) => fact.fact === 'examination' && fact.finding === 'hung');
  if (stopsIn === undefined || last?.fact !== 'examination') return false;
  return last.vcpus.some(({ vcpu, where }) => vcpu === crasher && where?.startsWith(`${stopsIn}+`) === true);
}

/** Where the lock is in this run, by the call that took it, or the step that set the flag. */
function addressOfHeld(facts: readonly HostFact[], kind: LockKind | 'flag'): bigint | undefined {
  if (kind === 'flag') {
    const set = facts.find((fact) => fact.fact === 'set');
    return set === undefined ? undefined : BigInt(set.address);
  }
  const [address] = facts.flatMap((fact) =>
    fact.fact === 'called' && fact.function === TAKES[kind].function ? fact.args.slice(0, 1) : [],
  );
  return address === undefined ? undefined : BigInt(address);
}

function isWaitedFor({ facts, crasher, lock }: HeldRun, address: bigint | undefined): boolean {
  const isSpun = SPUN.has(lock.kind);
  const autopsy = facts.findLast((fact) => fact.fact === 'autopsy')?.autopsy;
  const waits = autopsy?.waits.some(
    ({ vcpu, lock: waited, function: by = '' }) =>
      vcpu === crasher &&
      isSame(waited, { lock, address }) &&
      // A semaphore has a spinlock inside, at the same address.
      (isSpun || !/spin_(?:try)?lock/.test(by)),
  );
  if (waits === true) return true;
  // A loop that reads other places as well may wait for one of them.
  const read = loopReads(facts, crasher);
  return isSpun && address !== undefined && read.length > 0 && read.every((one) => one === address);
}

function isSame(
  waited: LockWait['lock'],
  { lock: { data }, address }: { lock: CrashLock; address: bigint | undefined },
): boolean {
  if (address !== undefined) return waited.address !== undefined && BigInt(`0x${waited.address}`) === address;
  return data !== undefined && data.of === undefined && waited.name === dataPlaceText(data);
}

/** Addresses that the loop of a CPU that is proved to be stuck reads, and that nobody changes. */
function loopReads(facts: readonly HostFact[], vcpu: number): bigint[] {
  const hung = facts.findLast((fact) => fact.fact === 'examination' && fact.finding === 'hung');
  if (hung?.fact !== 'examination') return [];
  const saw = hung.vcpus.find((one) => one.vcpu === vcpu)?.saw ?? [];
  return saw.flatMap((text) => {
    const [, address] = /^reads \d+ bytes at 0x([\da-f]{1,16})\b/.exec(text) ?? [];
    return address === undefined ? [] : [BigInt(`0x${address}`)];
  });
}
