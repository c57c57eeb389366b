import type { LockWait } from '../model/autopsy.js';
import {
  type Context,
  contextsOf,
  type CpuStack,
  functionsOf,
  type Interruption,
  SYMBOL_NAME,
} from '../stacks/cpu-stack.js';
import {
  isCrashFunction,
  isDiagnostic,
  isIdleFunction,
  isKexecFunction,
  isOutermost,
  isSlowPath,
  isSpinHelper,
  isSpinLock,
  isStopped,
  isUnlock,
} from './functions.js';
import { isSameFunction, type KnownLock, lockTakenIn } from './lock-table.js';

/** A CPU that waits for ever. */
export interface Waiter {
  readonly stack: CpuStack;
  /** The function that calls the lock function, or that loops. */
  readonly takenIn: string;
  /** The lock function as the stack names it; absent for a loop that is no lock call. */
  readonly lockFunction: string | undefined;
  /** The functions from `takenIn` outwards, up to the one that began the panic. */
  readonly chain: readonly string[];
}

/** A CPU that keeps a lock and never goes on. */
export interface Holder {
  readonly stack: CpuStack;
  /** What was interrupted inside the critical section. */
  readonly interruptedIn: string;
  /** Functions that may have taken the lock, the likeliest first. */
  readonly candidates: readonly string[];
  /** The interrupted function and its callers, innermost first, without lock calls. */
  readonly chain: readonly string[];
  /** Where exactly it was interrupted, if the text shows it; holds for this build of the kernel only. */
  readonly at: { readonly function: string; readonly offset: number } | undefined;
  /** Where it is now: `crash_nmi_callback`. */
  readonly sitsIn: string | undefined;
  /** The lock function under which it was interrupted, as the stack names it. */
  readonly lockFunction: string | undefined;
}

/** Who waits for whom. */
export interface Relation {
  /** `own-cpu`: the waiting CPU interrupted the holder itself. */
  readonly kind: 'other-cpu' | 'own-cpu';
  readonly waiter: Waiter;
  readonly holder: Holder;
  /** The lock's variable; absent where neither the text nor the table of locks names it. */
  readonly lock: string | undefined;
  /** The panicking CPU's own messages take the lock. */
  readonly printing: boolean;
  /** The other CPUs were stopped by panic() itself (crash_kexec_post_notifiers), not by the kexec path. */
  readonly stoppedByPanic: boolean;
  /** In what context it panicked, as far as the stack shows. */
  readonly panicked: 'task' | Interruption;
  /** Statements with their reasons, for people. */
  readonly because: readonly string[];
  /** The holder takes that lock by the text, the table or an autopsy; otherwise it only was stopped inside the kernel. */
  readonly certain: boolean;
  /** Other CPUs that were stopped in the kernel and may hold the lock as well. */
  readonly alsoPossible: readonly string[];
}

/** Stacks that show no such relation: what they show, and what is missing. */
export interface NoRelation {
  readonly shown: readonly string[];
  readonly missing: readonly string[];
}

/**
 * Which CPU waits for ever in the crash path, for what, and who holds that? `waits`: what an autopsy found out already. Pure.
 */
export function relationIn(
  stacks: readonly CpuStack[],
  given: readonly LockWait[] = [],
): Relation | NoRelation {
  const waits = given.map(withPlainNames);
  const waiters = stacks.flatMap((stack) => waiterIn(stack, waits) ?? []);
  const crashing = waiters.find(({ stack }) => isPanicking(stack));
  const shown = stacks.slice(0, 16).map(describe);
  if (crashing === undefined) return { shown, missing: missingWithoutWaiter(stacks, waiters) };
  const wait = waits.find(({ vcpu }) => vcpu === crashing.stack.cpu);
  const lockOf = lockNames(crashing, wait);
  const [best, ...others] = holders(stacks, crashing, { wait, lock: lockOf.name });
  if (best === undefined) return { shown, missing: missingWithoutHolder(stacks, crashing, lockOf.name) };
  const { holder } = best;
  const known = lockOf.known ?? lockTakenBy(holder);
  const lock = lockOf.name ?? holder.stack.locks[0] ?? known?.lock;
  const kind = holder.stack === crashing.stack ? 'own-cpu' : 'other-cpu';
  const relation = {
    kind,
    waiter: crashing,
    holder,
    lock,
    printing: known?.printing === true,
    stoppedByPanic: kind === 'other-cpu' && isStoppedByPanic(crashing.stack),
    panicked: panickedIn(crashing.stack),
    certain: best.likely > 1 && (best.likely < 4 || wait?.holder?.certain === true),
    alsoPossible: others.map(({ holder: { stack, interruptedIn } }) => `${stack.name} in ${interruptedIn}`),
  } as const;
  return { ...relation, because: reasons(relation, { known, wait }) };
}

/** A wait without names that no symbol of a scenario can have. */
function withPlainNames(wait: LockWait): LockWait {
  const plain = (name: string | undefined) =>
    name !== undefined && SYMBOL_NAME.test(name) ? name : undefined;
  return { ...wait, lock: { ...wait.lock, name: plain(wait.lock.name) }, takenIn: plain(wait.takenIn) };
}

export function isRelation(found: Relation | NoRelation): found is Relation {
  return 'waiter' in found;
}

/** Which lock does the waiter wait for: by the text, by an autopsy, or by the table of locks? */
function lockNames(
  { stack, takenIn, chain }: Waiter,
  wait: LockWait | undefined,
): { name: string | undefined; known: KnownLock | undefined } {
  const known = lockTakenIn(takenIn, chain);
  return { name: wait?.lock.name ?? stack.locks[0] ?? known?.lock, known };
}

function lockTakenBy({ candidates, chain }: Holder): KnownLock | undefined {
  for (const name of candidates) {
    const known = lockTakenIn(name, chain);
    if (known !== undefined) return known;
  }
  return undefined;
}

/** The wait in the innermost context of a stack that no stop of its CPU explains. */
function waiterIn(stack: CpuStack, waits: readonly LockWait[]): Waiter | undefined {
  const contexts = contextsOf(stack);
  const [inner, second] = contexts;
  if (inner === undefined || contexts.slice(0, 1).some(stops)) return undefined;
  // A watchdog's or a backtrace's NMI only looks at what is below it.
  const context = second?.interruptedBy === 'nmi' && functionsOf(inner).some(isDiagnostic) ? second : inner;
  const names = functionsOf(context);
  const first = names.findIndex((name) => !isSpinLock(name) && !isSpinHelper(name));
  const callers = first === -1 ? [] : names.slice(first);
  const [takenIn] = callers;
  const lockFunction = names.slice(0, Math.max(0, first)).filter(isSpinLock).at(-1);
  const found = waits.find(({ vcpu }) => vcpu === stack.cpu);
  // What called panic() is no part of the crash path.
  const last = callers.findLastIndex(isCrashFunction);
  const chain = last === -1 ? callers : callers.slice(0, last + 1);
  if (takenIn !== undefined && lockFunction !== undefined)
    return { stack, takenIn: found?.takenIn ?? takenIn, lockFunction, chain };
  if (takenIn === undefined || (!stack.loops && found === undefined)) return undefined;
  return { stack, takenIn: found?.takenIn ?? takenIn, lockFunction: undefined, chain };
}

function stops(context: Context): boolean {
  return functionsOf(context).some(isStopped);
}

function isPanicking(stack: CpuStack): boolean {
  const names = functionsOf(stack);
  return names.some(isCrashFunction) && !names.some(isStopped);
}

/**
 * The CPUs that may hold what the waiter waits for, the likeliest first: what an autopsy found, then CPUs that take the same
 * lock, then others that were stopped inside the kernel, then what the waiter itself had interrupted.
 */
function holders(
  stacks: readonly CpuStack[],
  waiter: Waiter,
  { wait, lock }: { wait: LockWait | undefined; lock: string | undefined },
): { holder: Holder; likely: number }[] {
  const rate = (holder: Holder) => ({
    holder,
    likely:
      wait?.holder?.vcpu === holder.stack.cpu && wait?.holder !== undefined
        ? 4
        : likelihood(holder, waiter, lock),
  });
  const others = stacks
    .filter((stack) => stack !== waiter.stack)
    .flatMap((stack) => stoppedHolder(stack, lock) ?? [])
    .map(rate);
  const own = ownHolder(waiter, lock);
  // Every panic has interrupted something or was called: that this holds the lock needs a reason.
  const itself = own === undefined ? [] : [rate(own)].filter(({ likely }) => likely > 1);
  return [...others, ...itself].filter(({ likely }) => likely > 0).toSorted((a, b) => b.likely - a.likely);
}

/** 3: it takes the waiter's lock by name or by the table; 1: it was stopped in the kernel; 0: it takes another lock. */
function likelihood(holder: Holder, waiter: Waiter, lock: string | undefined): number {
  const takes = lockTakenBy(holder)?.lock;
  if (lock !== undefined && (holder.stack.locks.includes(lock) || takes === lock)) return 3;
  if (holder.candidates.some((name) => isSameFunction(name, waiter.takenIn))) return 2;
  return lock !== undefined && takes !== undefined && takes !== lock ? 0 : 1;
}

/** What a stopped CPU was doing; undefined for one that was idle, in user space, or waits for a lock itself. */
function stoppedHolder(stack: CpuStack, lock: string | undefined): Holder | undefined {
  const contexts = contextsOf(stack);
  const at = contexts.findIndex(stops);
  const below =
    at === -1
      ? // A mail may end where the NMI hits.
        contexts.find(({ interruptedBy }, index) => index === 0 && interruptedBy !== undefined)
      : (contexts[at + 1] ?? behindStop(contexts[at]));
  if (below === undefined) return undefined;
  const sitsIn = at === -1 ? undefined : functionsOf(contexts[at] ?? { frames: [] }).find(isStopped);
  return holderOf(stack, below, { sitsIn, lock });
}

const NMI_CALLBACK = /^(?:(?:crash|kdump)_nmi_callback|nmi_shootdown_\w*callback)/;

/**
 * A mail may leave out how the NMI came in: what stops a CPU is called in an NMI only (arch/x86/kernel/reboot.c,
 * crash_nmi_callback(), v6.1), so that what lies further out was interrupted.
 */
function behindStop(context: Context | undefined): Context | undefined {
  if (context === undefined || !functionsOf(context).some((name) => NMI_CALLBACK.test(name)))
    return undefined;
  const last = context.frames.findLastIndex(({ function: name }) => /nmi|notif/i.test(name));
  const frames = context.frames.slice(last + 1);
  return frames.length === 0 ? undefined : { frames, interruptedBy: 'nmi' };
}

/** What the waiter's own CPU was doing when it began to panic. */
function ownHolder({ stack }: Waiter, lock: string | undefined): Holder | undefined {
  const contexts = contextsOf(stack);
  const at = contexts.findLastIndex((context) => functionsOf(context).some(isCrashFunction));
  const context = contexts[at];
  if (context === undefined) return undefined;
  const last = context.frames.findLastIndex((frame) => isCrashFunction(frame.function));
  // A function that calls panic() itself, or the context that the panicking one interrupted.
  const callers = { ...context, frames: context.frames.slice(last + 1) };
  const possible = [callers, ...contexts.slice(at + 1)].flatMap(
    (one) => holderOf(stack, one, { sitsIn: undefined, lock }) ?? [],
  );
  return possible.find((one) => lock !== undefined && lockTakenBy(one)?.lock === lock) ?? possible[0];
}

function holderOf(
  stack: CpuStack,
  context: Context,
  { sitsIn, lock }: { sitsIn: string | undefined; lock: string | undefined },
): Holder | undefined {
  const names = functionsOf(context);
  if (names.length === 0 || names.slice(0, 3).some(isIdleFunction)) return undefined;
  const first = names.findIndex((name) => !isSpinLock(name) && !isSpinHelper(name) && !isUnlock(name));
  const chain = first === -1 ? [] : names.slice(first);
  const before = names.slice(0, Math.max(0, first));
  const lockFunction = before.filter(isSpinLock).at(-1);
  // It waits in a queue: what it was about to take is held by another.
  if (before.some(isSlowPath) && !stack.acquired) return undefined;
  const inside = chain.filter((name) => !isOutermost(name)).slice(0, 12);
  if (inside.length === 0) return undefined;
  const takers = inside.filter((name) => {
    const known = lockTakenIn(name, chain);
    return known !== undefined && (lock === undefined || known.lock === lock);
  });
  const [interrupted] = context.frames;
  const exact = interrupted?.offset !== undefined && first <= 0;
  return {
    stack,
    interruptedIn: inside[0] ?? '',
    candidates: [...new Set([...takers, ...inside])].slice(0, 8),
    chain,
    at: exact ? { function: interrupted.function, offset: interrupted.offset ?? 0 } : undefined,
    sitsIn,
    lockFunction,
  };
}

/** The panicking CPU waits in panic() itself, after it stopped the others (kernel/panic.c, v6.1). */
function isStoppedByPanic(stack: CpuStack): boolean {
  return !functionsOf(stack).some(isKexecFunction);
}

function panickedIn(stack: CpuStack): Relation['panicked'] {
  const contexts = contextsOf(stack);
  const at = contexts.findLastIndex((context) => functionsOf(context).some(isCrashFunction));
  const by = contexts[at + 1]?.interruptedBy;
  if (by !== undefined) return by;
  const names = functionsOf(contexts[at] ?? { frames: [] });
  return names.some((name) => /^(?:do_IRQ|(?:__)?common_interrupt|sysvec_\w+|smp_\w+_interrupt)$/.test(name))
    ? 'interrupt'
    : 'task';
}

function reasons(
  relation: Omit<Relation, 'because'>,
  { known, wait }: { known: KnownLock | undefined; wait: LockWait | undefined },
): string[] {
  const { kind, waiter, holder, lock, stoppedByPanic } = relation;
  const lockText = lock ?? 'a lock whose variable is not known';
  const who = waiter.stack.name;
  const stop =
    holder.sitsIn === undefined ? 'it was interrupted' : `it was stopped, and sits in ${holder.sitsIn}`;
  const sources = [
    wait?.lock.name === undefined ? undefined : 'the autopsy names the lock',
    waiter.stack.locks[0] === undefined ? undefined : 'the text names it',
    known === undefined ? undefined : known.source,
  ].filter((one) => one !== undefined);
  return [
    waiter.lockFunction === undefined
      ? `${who} panics and loops in ${waiter.takenIn}`
      : `${who} panics and waits for ${lockText} in ${waiter.takenIn}, by ${waiter.lockFunction}`,
    kind === 'own-cpu'
      ? `${who} itself was in ${holder.interruptedIn} when it began to panic, and never returns there`
      : `${holder.stack.name} was in ${holder.interruptedIn} when ${stop}`,
    ...(wait?.holder === undefined ? [] : [`autopsy: ${wait.holder.proof}`]),
    ...(relation.certain
      ? []
      : [
          `that ${holder.stack.name} holds it is likely and not shown: no name of a lock connects the two stacks`,
        ]),
    ...(lock === undefined || sources.length === 0 ? [] : [`${lock}: ${sources.join('; ')}`]),
    ...(stoppedByPanic
      ? [
          `${who} is not in crash_kexec yet: panic() stopped the other CPUs first, so crash_kexec_post_notifiers is set`,
        ]
      : []),
  ];
}

function describe(stack: CpuStack): string {
  const names = functionsOf(stack);
  const sits = isPanicking(stack)
    ? 'panics'
    : names.some(isStopped)
      ? 'is stopped'
      : names.slice(0, 3).some(isIdleFunction)
        ? 'is idle'
        : 'runs';
  const shown = stack.frames
    .slice(0, 6)
    .map((frame) => (frame.reliable ? frame.function : `? ${frame.function}`));
  return `${stack.name} ${sits}: ${shown.join(' < ')}${names.length > 6 ? ' < ...' : ''}`;
}

function missingWithoutWaiter(stacks: readonly CpuStack[], waiters: readonly Waiter[]): string[] {
  const panicking = stacks.filter(isPanicking);
  const [waits] = waiters;
  if (panicking.length === 0) {
    return [
      'no stack is that of a panicking CPU (panic, crash_kexec, machine_crash_shutdown); the crash path is not in the text',
      ...(waits === undefined
        ? []
        : [`${waits.stack.name} waits in ${waits.takenIn}, but it does not panic`]),
    ];
  }
  const names = panicking.map(({ name }) => name).join(', ');
  return [
    `${names} panics, but does not wait: neither in a lock function, nor does the text say that it loops`,
    'a stack of the same CPU from the time of the hang would show it (NMI backtrace, firmware dump, crash, gdb)',
  ];
}

function missingWithoutHolder(
  stacks: readonly CpuStack[],
  { stack, takenIn }: Waiter,
  lock: string | undefined,
): string[] {
  const others = stacks.filter((other) => other !== stack);
  const what = `${stack.name} waits in ${takenIn}${lock === undefined ? '' : ` for ${lock}`}, and no stack shows who holds it`;
  if (others.length === 0)
    return [
      what,
      'stacks of the other CPUs are missing: one that was stopped by the NMI inside a critical section',
    ];
  return [
    what,
    `${others.map(({ name }) => name).join(', ')}: idle, waiting as well, or not stopped inside the kernel`,
  ];
}
