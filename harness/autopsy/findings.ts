import type { LockWait } from '../model/autopsy.js';
import type { Place } from '../model/place.js';
import { crashPathRank } from '../model/place.js';
import type { CodeLoop } from './loop-at.js';
import { certainFunctions, type StackedVcpu } from './stacked-vcpu.js';
import { isCrashing, isStopped, selfStopIn } from './stack-roles.js';
import { type FoundWait, nameOfData } from './waits.js';

/** One vCPU as the findings need it. */
export interface SeenVcpu {
  readonly vcpu: number;
  readonly place: Place;
  readonly state: 'parked' | 'asleep' | 'running' | 'off' | 'unknown';
  /** The choreography holds it where it is. */
  readonly held: boolean;
  readonly rip: bigint;
  readonly stacked: StackedVcpu | undefined;
  readonly wait: FoundWait | undefined;
  readonly loop: CodeLoop | undefined;
}

/** Callers that a finding names. */
const MOST_CALLERS = 5;
const MOST_READS = 4;
/** Idle tasks are where nobody looks for a cause (kernel/sched/idle.c, v6.1). */
const IDLE = /^(?:do_idle|cpu_idle_poll|cpu_idle|cpu_startup_entry)(?:\..*)?$/;

/** What explains that a machine stands where it does, in plain words, the most important first. */
export function findingsOf(vcpus: readonly SeenVcpu[]): string[] {
  const ranked = vcpus
    .flatMap((vcpu) => {
      const text = findingOf(vcpu);
      return text === undefined ? [] : [{ text, rank: rankOf(vcpu) }];
    })
    .toSorted((one, other) => other.rank - one.rank);
  // Of several CPUs that panic, those that stop themselves explain nothing; alone it is where the crash ended.
  const stopped = ranked.some(({ rank }) => rank >= CRASHES) ? [] : vcpus.flatMap(selfStopText);
  return [...stopped, ...ranked.map(({ text }) => text)];
}

const CRASHES = 4;

function selfStopText({ vcpu, stacked, held }: SeenVcpu): string[] {
  const name = held || stacked === undefined ? undefined : selfStopIn(certainFunctions(stacked));
  return name === undefined
    ? []
    : [`vCPU ${vcpu} has stopped itself in ${name}: another CPU has begun to panic, or owns panic_cpu`];
}

/** A lock that is waited for explains most; then what happens on the crash path. */
function rankOf({ wait, stacked, place, loop, held }: SeenVcpu): number {
  if (held && wait?.taken !== true) return -1;
  const crashing = stacked !== undefined && isCrashing(certainFunctions(stacked));
  return (
    (wait?.taken === true ? 8 : 0) +
    (crashing || crashPathRank(place) > 0 ? CRASHES : 0) +
    (wait?.wait.holder === undefined ? 0 : 2) +
    (loop === undefined ? 0 : 1)
  );
}

function findingOf(seen: SeenVcpu): string | undefined {
  const { vcpu, place, state, rip, stacked, wait, loop, held } = seen;
  if (wait !== undefined) return waitText(wait, state);
  if (state === 'off' || place === 'user' || place === 'firmware') return undefined;
  if (stacked === undefined) {
    if (place === 'first-kernel') return undefined;
    return `vCPU ${vcpu} ${DOES[state]} in ${PLACE_WORDS[place] ?? place} at 0x${rip.toString(16)}`;
  }
  const functions = certainFunctions(stacked);
  if (isStopped(functions) || functions.some((name) => IDLE.test(name) && state !== 'running'))
    return undefined;
  const label = placeLabel(stacked);
  const callers = functions.slice(1, 1 + MOST_CALLERS);
  const below = callers.length === 0 ? '' : `, called by ${callers.join(' < ')}`;
  const kernel = place === 'capture-kernel' ? ' of the capture kernel' : '';
  if (held) return `vCPU ${vcpu} is held by the choreography in ${label}${kernel}${below}`;
  if (loop !== undefined && state === 'running')
    return `vCPU ${vcpu} loops in ${label}${kernel}, ${loopText(loop, stacked)}${below}`;
  return `vCPU ${vcpu} ${DOES[state]} in ${label}${kernel}${below}`;
}

const DOES = {
  parked: 'is halted with interrupts off',
  asleep: 'sleeps',
  running: 'runs',
  unknown: 'is',
  off: 'is off',
} as const;
const PLACE_WORDS: Partial<Record<Place, string>> = {
  jump: 'the jump to the capture kernel',
  'after-jump': "the jump, purgatory or the capture kernel's decompressor",
  'capture-start': "the capture kernel's decompressor",
  'capture-start-moved': "the capture kernel's decompressor",
  'capture-kernel': 'the capture kernel',
};

/** `native_machine_crash_shutdown+0x1e`. */
function placeLabel({ trace }: StackedVcpu): string {
  return (trace.frames[0]?.label ?? '?').replace(/\/0x[\da-f]+/, '');
}

/** `3 instructions, reads nothing`: what a vCPU does in a loop, and what would let it go on. */
export function loopText(loop: CodeLoop, { symbols }: Pick<StackedVcpu, 'symbols'>): string {
  const count = `${loop.instructions} instruction${loop.instructions === 1 ? '' : 's'}`;
  const places = loop.reads.slice(0, MOST_READS).map(({ address, bytes }) => {
    const name = nameOfData(symbols, address);
    const hex = `0x${address.toString(16)}`;
    const value = bytes === undefined ? '' : ` = 0x${Buffer.from(bytes.toReversed()).toString('hex')}`;
    return `${name === undefined ? hex : `${name} (${hex})`}${value}`;
  });
  const reads = [
    ...places,
    ...(loop.reads.length > MOST_READS ? [`${loop.reads.length - MOST_READS} more places`] : []),
    ...(loop.readsElsewhere ? ['memory at addresses that it computes'] : []),
  ];
  if (loop.sees !== undefined) return `${count}, which ${loop.sees}`;
  const what = reads.length === 0 ? 'reads nothing' : `reads ${reads.join(', ')}`;
  return loop.closed ? `${count}, ${what}; no instruction leads out of it` : `${count}, ${what}`;
}

/** `vCPU 1 spins on ioapic_lock, held by vCPU 0, which was interrupted in mask_ioapic_irq and sits in ...`. */
export function waitText({ wait, taken }: FoundWait, state: SeenVcpu['state']): string {
  const { vcpu, takenIn, holder } = wait;
  const does = state === 'running' || state === 'unknown' ? 'spins on' : 'waits, halted, for';
  const taker = takenIn === undefined ? '' : `, which ${takenIn} takes`;
  // A lock without a name is named by what takes it.
  const lock = `${lockName(wait)}${wait.lock.name === undefined ? taker : ''}`;
  const by = wait.lock.name === undefined ? '' : taker;
  if (!taken) return `vCPU ${vcpu} is about to take ${lock}${by}: its word shows that it is free`;
  if (holder === undefined) {
    const word = wait.lock.word === undefined ? '' : ` (its word is 0x${wait.lock.word})`;
    return `vCPU ${vcpu} ${does} ${lock}${word}${by}; no stack shows who holds it${queueText(wait)}`;
  }
  const likely = holder.certain ? '' : 'probably ';
  if (holder.vcpu === vcpu)
    return `vCPU ${vcpu} ${does} ${lock}, which ${likely}it holds itself: ${ownText(wait)}`;
  return `vCPU ${vcpu} ${does} ${lock}, ${likely}held by vCPU ${holder.vcpu}, which ${holderText(holder)}`;
}

/**
 * The last CPU that waits in the queue of a queued spin lock: bits 18 to 31 of its word are its number plus one
 * (include/asm-generic/qspinlock_types.h, v6.1, fewer than 16,384 CPUs).
 */
function queueText({ vcpu, function: name, lock }: LockWait): string {
  if (lock.word === undefined || !/spin/.test(name ?? '')) return '';
  const tail = (Number.parseInt(lock.word, 16) >>> 18) - 1;
  return tail < 0 || tail === vcpu ? '' : `; CPU ${tail} is the last in its queue`;
}

/** `ioapic_lock`, or `the lock at 0x...`. */
function lockName({ lock }: LockWait): string {
  return lock.name ?? (lock.address === undefined ? 'a lock' : `the lock at 0x${lock.address}`);
}

function holderText({ interruptedIn, sitsIn, heldIn }: NonNullable<LockWait['holder']>): string {
  const took = heldIn === undefined || heldIn === interruptedIn ? [] : [`took it in ${heldIn}`];
  const hit = interruptedIn === undefined ? [] : [`was interrupted in ${interruptedIn}`];
  const sits = sitsIn === undefined || sitsIn === heldIn ? [] : [`sits in ${sitsIn}`];
  const parts = [...took, ...hit, ...sits];
  const last = parts.pop() ?? 'has not released it';
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

function ownText({ holder }: LockWait): string {
  const { heldIn, interruptedIn } = holder ?? {};
  if (interruptedIn === undefined) return `${heldIn ?? 'a caller'} has taken it and not released it`;
  const taker = heldIn === undefined || heldIn === interruptedIn ? '' : `${heldIn} has taken it, and `;
  return `${taker}its own context was interrupted in ${interruptedIn}`;
}
