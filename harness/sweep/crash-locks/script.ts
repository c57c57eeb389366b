import type { z } from 'zod';
import { type Scenario, ScenarioSchema } from '../../plan/scenario.js';
import {
  type CallArgument,
  CallArgumentSchema,
  type Location,
  LocationSchema,
  type Step,
} from '../../trigger/choreography-steps.js';
import { type AtomicPlace, placeName } from './atomics.js';
import { APPROACHES, AT_TIMER, type Context, CONTEXTS, CRASHER_CPU, DEFAULT_CONTEXT } from './contexts.js';
import { ROUNDS, TAKES } from './lock-functions.js';
import { callerOf, type CrashLock, type LockSite, PHASES, SHOOTDOWN } from './locks.js';

/** Who holds the lock: a CPU that the shootdown stops, or the CPU that panics. */
export const HOLDERS = ['another', 'itself'] as const;
export type Holder = (typeof HOLDERS)[number];

/** The CPU that holds locks, if the panicking one does not. */
export const OTHER_CPU = 1;

/** The axes of a sweep: in which context the CPU panics, and how many CPUs the kernel runs on. */
export interface Setting {
  readonly context: Context;
  readonly cpus: number;
}

/** The most CPUs of a sweep: each is held by two of a script's 64 steps. */
export const MOST_CPUS = 16;

/** Milliseconds; a shootdown that nobody answers lasts one second, printing takes several on a busy host. */
const WITHIN_MS = 120_000;

const EVIDENCE = [
  'LKML 2012-02-29, Zickus: [PATCH] x86, kdump: No need to disable ioapic in crash path: a lock whose owner was stopped',
];

/** The role of a CPU that does not panic. */
function roleOf(cpu: number): string {
  return cpu === OTHER_CPU ? 'other' : `other-${cpu}`;
}

/**
 * Stops the other CPUs, all or those from one on, in timer interrupts. One that is stopped anywhere else, as when another
 * CPU runs alone, may hold a lock that its code takes with interrupts off.
 */
export function holdOthers({ cpus }: Setting, from = OTHER_CPU): Step[] {
  const others = Array.from({ length: Math.max(0, cpus - from) }, (_, index) => from + index);
  return others.flatMap((cpu): Step[] => [
    { hold: { as: roleOf(cpu), on: cpu, at: AT_TIMER } },
    { prove: { role: roleOf(cpu), interrupts: 'off' } },
  ]);
}

/**
 * Brings the crasher into panic(), the other CPUs being stopped; `owner`: what it does where it can become the owner of a
 * lock.
 */
export function intoPanic(
  setting: Setting,
  {
    others = holdOthers(setting),
    owner = [],
  }: { readonly others?: readonly Step[]; readonly owner?: readonly Step[] } = {},
): Step[] {
  const { first = [], toPlace, toPanic, untilOff } = APPROACHES[setting.context];
  const rest = untilOff === undefined ? [...owner, ...toPanic] : [...toPanic, ...untilOff, ...owner];
  return [...first, ...others, ...toPlace, ...rest];
}

/** The crasher, on its way through panic(), to where it is about to stop the other CPUs. */
export function toShootdown(): Step[] {
  return [{ run: { as: 'crasher', to: SHOOTDOWN, withinMs: WITHIN_MS } }];
}

/** It has sent the NMI, and waits for its effect. */
export function untilNmiIsSent(): Step[] {
  return [
    { run: { as: 'crasher', to: '__const_udelay', withinMs: WITHIN_MS } },
    { prove: { role: 'crasher', stackHas: SHOOTDOWN } },
  ];
}

/** Records the locks that one group of functions takes on the crash path. `round` counts from 0. */
export function recordScenario(round: number, setting: Setting): Scenario {
  const functions = ROUNDS[round];
  if (functions === undefined) throw new RangeError(`no round ${round} of ${ROUNDS.length}`);
  const at = functions.map(({ name }) => name);
  const record = (to: Location): Step => ({
    record: { role: 'crasher', at, to, missing: 'skip', most: 20_000, withinMs: WITHIN_MS },
  });
  const summary = `records ${at.join(', ')} from panic() to the jump`;
  return scenario(recordName(round, setting), { summary, setting }, [
    ...intoPanic(setting),
    record(SHOOTDOWN),
    record('machine_kexec'),
    { release: 'all' },
  ]);
}

/** Finds the locked instructions of the crash path. */
export function findScenario(functions: readonly string[], setting: Setting): Scenario {
  const summary = 'finds the locked instructions of the crash path';
  return scenario(findName(setting), { summary, setting }, [
    ...intoPanic(setting),
    { find: { lockedIn: [...functions], calledToo: true } },
    { release: 'all' },
  ]);
}

export function findName(setting: Pick<Setting, 'context'>): string {
  return nameOf(setting, 'find');
}

/** Records what locked instructions do to their words on the crash path. `round` counts from 0. */
export function atomicsScenario(round: number, places: readonly AtomicPlace[], setting: Setting): Scenario {
  const at = places.map((place): Location => ({ in: place.in, offset: place.offset }));
  const record = (to: Location): Step => ({
    record: { role: 'crasher', at, to, missing: 'skip', most: 20_000, withinMs: WITHIN_MS },
  });
  const summary = `records ${places.map(placeName).join(', ')}`.slice(0, 160);
  return scenario(atomicsName(round, setting), { summary, setting }, [
    ...intoPanic(setting),
    record(SHOOTDOWN),
    record('machine_kexec'),
    { release: 'all' },
  ]);
}

export function atomicsName(round: number, setting: Pick<Setting, 'context'>): string {
  return nameOf(setting, `atomics-${round + 1}`);
}

/**
 * The scenario from which a sweep's guests are planned. It needs no other CPU, so that the choice of `cpus` may still be
 * overridden by a machine.
 */
export function firstLockScenario({ context, cpus }: Setting): Scenario {
  const first = recordScenario(0, { context, cpus: 1 });
  return { ...first, guest: { ...first.guest, cpus } };
}

/** Of a context and a rest: a sweep in a timer interrupt has names without its context. */
function nameOf({ context }: Pick<Setting, 'context'>, rest: string): string {
  return `crash-locks-${context === DEFAULT_CONTEXT ? '' : `${context}-`}${rest}`;
}

export function recordName(round: number, setting: Pick<Setting, 'context'>): string {
  return nameOf(setting, `record-${round + 1}`);
}

/** The context of a sweep by the name of the scenario from which it was planned; undefined for any other scenario. */
export function contextOf(name: string): Context | undefined {
  return CONTEXTS.find((context) => name === recordName(0, { context }));
}

/**
 * Why there is no run with a lock held. `not taken`: the crash path does not take it after the shootdown; before it, an
 * owner that runs gives it back. `no name`: neither the lock nor the place that takes it can be named in a script. `one
 * CPU`: there is no other CPU. `not in NMI`: an allocated lock can be taken only where the crash path takes it, which is
 * in NMI context, where the function that takes it must not be called.
 */
export type NoHold = 'not taken' | 'no name' | 'one CPU' | 'not in NMI';

/** Locks whose trylock is one atomic instruction, so that it may be called in NMI context. */
const TAKEN_IN_NMI: ReadonlySet<CrashLock['kind']> = new Set(['spinlock', 'rwlock']);

/**
 * A scenario in which a lock is held: by the panicking CPU when it panics, or by the other CPU when it is stopped. The
 * kernel's own trylock takes it, so that its word is what an owner leaves there; the result proves it.
 */
export function holdScenario(
  lock: CrashLock,
  index: number,
  { holder, ...setting }: Setting & { readonly holder: Holder },
): Scenario | NoHold {
  if (holder === 'another' && setting.cpus === 1) return 'one CPU';
  const early = isEarlyFlag(lock);
  const site = lock.sites.find(({ phase }) => holder === 'itself' || early || phase === PHASES[1]);
  if (site === undefined) return 'not taken';
  if (!isNameable(lock, site, setting)) return 'no name';
  if (lock.data === undefined && setting.context === 'nmi' && !TAKEN_IN_NMI.has(lock.kind))
    return 'not in NMI';
  // Without a CPU's number in it, the word says nothing of its owner: both runs would be one.
  const named = early && lock.word?.isCpu !== true && setting.cpus > 1 ? 'another' : holder;
  const who =
    named === 'itself'
      ? 'the panicking CPU'
      : early
        ? 'another CPU, which does not run'
        : 'a CPU that was stopped';
  const summary = `${lock.name} is held by ${who}`.slice(0, 160);
  const steps =
    lock.data === undefined
      ? atSite(lock, site, setting)
      : beforehand(lock, lock.data, { holder: named, ...setting });
  return scenario(holdName(index, { holder: named, ...setting }), { summary, setting }, steps);
}

/**
 * Whether a lock is a flag that is taken before the shootdown alone. A flag may be tried once, and the dump given up, so
 * that it matters although its owner would run: it is set before the panic, for either holder.
 */
export function isEarlyFlag({ kind, sites }: Pick<CrashLock, 'kind' | 'sites'>): boolean {
  return kind === 'flag' && sites.every(({ phase }) => phase === PHASES[0]);
}

export function holdName(
  index: number,
  { holder, context }: Pick<Setting, 'context'> & { readonly holder: Holder },
): string {
  return nameOf({ context }, `${String(index).padStart(3, '0')}-${holder}`);
}

/** The lock and holder of a scenario, by its name; undefined for any other scenario. */
export function holdOf(name: string): { readonly index: number; readonly holder: Holder } | undefined {
  const found = /^crash-locks-(?:[a-z]+-)?(\d{3,})-(another|itself)$/.exec(name);
  const holder = HOLDERS.find((known) => known === found?.[2]);
  return holder === undefined ? undefined : { index: Number(found?.[1]), holder };
}

/** Names come out of the guest: not every one is what a script can have. */
function isNameable({ data }: CrashLock, site: LockSite, { cpus }: Setting): boolean {
  if (data === undefined) return LocationSchema.safeParse(callOf(site)).success;
  // A CPU that the kernel did not start has variables, and no role.
  if (data.of === 'other' && (data.cpu ?? 1) >= cpus) return false;
  return CallArgumentSchema.safeParse({ addressOf: data.symbol, offset: data.offset }).success;
}

/** A lock with a symbol: it is taken before the crash path takes it. */
function beforehand(
  lock: CrashLock,
  { symbol, offset, of, cpu = 1 }: NonNullable<CrashLock['data']>,
  { holder, ...setting }: Setting & { readonly holder: Holder },
): Step[] {
  const address: CallArgument = {
    addressOf: symbol,
    ...(offset === 0 ? {} : { offset }),
    ...(of === undefined ? {} : { of: of === 'panicking' ? 'crasher' : roleOf(cpu) }),
  };
  const early = isEarlyFlag(lock);
  if (holder === 'itself' || early) {
    // Another owner that ran could change the word, as far as anyone can prove.
    const stays = early && holder === 'another';
    const others = stays || of === 'other' ? holdOthers(setting) : [];
    const owner = take(lock, { role: 'crasher', holder }, address);
    return [...intoPanic(setting, { others, owner }), { release: stays ? 'crasher' : 'all' }];
  }
  return [
    ...intoPanic(setting),
    ...toShootdown(),
    ...take(lock, { role: roleOf(OTHER_CPU), holder }, address),
    ...untilNmiIsSent(),
    { release: 'all' },
  ];
}

/** An allocated lock has no name: it is taken where the crash path is about to take it for the first time. */
function atSite(lock: CrashLock, site: LockSite, setting: Setting): Step[] {
  return [
    ...intoPanic(setting),
    ...(site.phase === PHASES[1] ? toShootdown() : []),
    // What jumps to the lock function has left no return address: then the call is of something else.
    { run: { as: 'crasher', to: callOf(site), thenStep: 1, withinMs: WITHIN_MS } },
    { prove: { role: 'crasher', in: site.function } },
    ...take(lock, { role: 'crasher', holder: 'itself' }, { register: 'rdi', of: 'crasher' }),
    { release: 'all' },
  ];
}

function take(
  { name, kind, word }: CrashLock,
  { role, holder }: { readonly role: string; readonly holder: Holder },
  address: CallArgument,
): Step[] {
  if (kind !== 'flag') {
    const { function: named, returns } = TAKES[kind];
    const call = (result: number): Step => ({
      call: { role, function: named, args: [address], returns: result },
    });
    // A semaphore may be free for several owners: it is held when it cannot be taken once more.
    return kind === 'semaphore' ? [call(returns), call(1)] : [call(returns)];
  }
  if (word === undefined || typeof address !== 'object' || !('addressOf' in address))
    throw new Error(`the flag ${name} has no variable`);
  const { addressOf: variable, ...place } = address;
  const { bytes, was, to, isCpu } = word;
  const cpu = holder === 'itself' ? CRASHER_CPU : OTHER_CPU;
  return [{ set: { variable, ...place, bytes, was, to: isCpu ? cpu : to } }];
}

/** Bytes of `call rel32`, which the return address follows. */
const CALL_BYTES = 5;

function callOf({ from }: LockSite): Location {
  const offset = Number.parseInt(/\+0x([0-9a-f]+)/.exec(from)?.[1] ?? '0', 16) - CALL_BYTES;
  return { in: callerOf({ from }), offset };
}

/** A scenario of the sweep; `prepare`: steps of its own. */
export function scenario(
  name: string,
  { summary, setting: { context, cpus } }: { summary: string; setting: Setting },
  steps: readonly Step[],
  prepare: NonNullable<z.input<typeof ScenarioSchema>['prepare']> = [],
): Scenario {
  const { sysctl, stimulus } = APPROACHES[context];
  const first: Step[] = stimulus === undefined ? [] : [{ stimulate: { script: stimulus } }];
  return ScenarioSchema.parse({
    version: 1,
    name,
    summary,
    evidence: EVIDENCE,
    guest: { cpus },
    prepare: [...(sysctl === undefined ? [] : [{ write: sysctl }]), ...prepare],
    prove: sysctl === undefined ? [] : [{ read: { path: sysctl.path, equals: sysctl.value } }],
    // The question is where the crash path ends.
    vmcore: 'nonce',
    trigger: { kind: 'choreography', steps: [...first, ...steps] },
    expect: { verdict: 'captured' },
  });
}
