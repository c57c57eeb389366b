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
import { ROUNDS, TAKES } from './lock-functions.js';
import { callerOf, type CrashLock, type LockSite, PHASES, SHOOTDOWN } from './locks.js';

/** Who holds the lock: a CPU that the shootdown stops, or the CPU that panics. */
export const HOLDERS = ['another', 'itself'] as const;
export type Holder = (typeof HOLDERS)[number];

/** The panicking CPU, and the other one. */
export const CRASHER_CPU = 0;
export const OTHER_CPU = 1;

/** Milliseconds; a shootdown that nobody answers lasts one second, printing takes several on a busy host. */
const WITHIN_MS = 120_000;

const EVIDENCE = [
  'LKML 2012-02-29, Zickus: [PATCH] x86, kdump: No need to disable ioapic in crash path: a lock whose owner was stopped',
];

const AT_TIMER = 'sysvec_apic_timer_interrupt';

/** Every CPU takes timer interrupts, an idle one last. Interrupts are off there. */
export function crasherToPanic(): Step[] {
  return [
    { run: { as: 'crasher', on: CRASHER_CPU, to: AT_TIMER } },
    { prove: { role: 'crasher', interrupts: 'off' } },
    { fire: { role: 'crasher', aloneMs: 0 } },
  ];
}

export const HOLD_OTHER: readonly Step[] = [
  { hold: { as: 'other', on: OTHER_CPU, at: AT_TIMER } },
  { prove: { role: 'other', interrupts: 'off' } },
];

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
export function recordScenario(round: number): Scenario {
  const functions = ROUNDS[round];
  if (functions === undefined) throw new RangeError(`no round ${round} of ${ROUNDS.length}`);
  const at = functions.map(({ name }) => name);
  const record = (to: Location): Step => ({
    record: { role: 'crasher', at, to, missing: 'skip', most: 20_000, withinMs: WITHIN_MS },
  });
  return scenario(recordName(round), `records ${at.join(', ')} from panic() to the jump`, [
    ...HOLD_OTHER,
    ...crasherToPanic(),
    record(SHOOTDOWN),
    record('machine_kexec'),
    { release: 'all' },
  ]);
}

/** Finds the locked instructions of the crash path. */
export function findScenario(functions: readonly string[]): Scenario {
  return scenario(FIND_NAME, 'finds the locked instructions of the crash path', [
    ...HOLD_OTHER,
    ...crasherToPanic(),
    { find: { lockedIn: [...functions], calledToo: true } },
    { release: 'all' },
  ]);
}

export const FIND_NAME = 'crash-locks-find';

/** Records what locked instructions do to their words on the crash path. `round` counts from 0. */
export function atomicsScenario(round: number, places: readonly AtomicPlace[]): Scenario {
  const at = places.map((place): Location => ({ in: place.in, offset: place.offset }));
  const record = (to: Location): Step => ({
    record: { role: 'crasher', at, to, missing: 'skip', most: 20_000, withinMs: WITHIN_MS },
  });
  const summary = `records ${places.map(placeName).join(', ')}`.slice(0, 160);
  return scenario(atomicsName(round), summary, [
    ...HOLD_OTHER,
    ...crasherToPanic(),
    record(SHOOTDOWN),
    record('machine_kexec'),
    { release: 'all' },
  ]);
}

export function atomicsName(round: number): string {
  return `crash-locks-atomics-${round + 1}`;
}

export function recordName(round: number): string {
  return `crash-locks-record-${round + 1}`;
}

/**
 * Why there is no run with a lock held. `not taken`: the crash path does not take it after the shootdown; before it, an
 * owner that runs gives it back. `no name`: neither the lock nor the place that takes it can be named in a script.
 */
export type NoHold = 'not taken' | 'no name';

/**
 * A scenario in which a lock is held: by the panicking CPU when it panics, or by the other CPU when it is stopped. The
 * kernel's own trylock takes it, so that its word is what an owner leaves there; the result proves it.
 */
export function holdScenario(lock: CrashLock, index: number, holder: Holder): Scenario | NoHold {
  const early = isEarlyFlag(lock);
  const site = lock.sites.find(({ phase }) => holder === 'itself' || early || phase === PHASES[1]);
  if (site === undefined) return 'not taken';
  if (!isNameable(lock, site)) return 'no name';
  // Without a CPU's number in it, the word says nothing of its owner: both runs would be one.
  const named = early && lock.word?.isCpu !== true ? 'another' : holder;
  const who =
    named === 'itself'
      ? 'the panicking CPU'
      : early
        ? 'another CPU, which does not run'
        : 'a CPU that was stopped';
  const summary = `${lock.name} is held by ${who}`.slice(0, 160);
  const steps = lock.data === undefined ? atSite(lock, site) : beforehand(lock, lock.data, named);
  return scenario(holdName(index, named), summary, steps);
}

/**
 * Whether a lock is a flag that is taken before the shootdown alone. A flag may be tried once, and the dump given up, so
 * that it matters although its owner would run: it is set before the panic, for either holder.
 */
export function isEarlyFlag({ kind, sites }: Pick<CrashLock, 'kind' | 'sites'>): boolean {
  return kind === 'flag' && sites.every(({ phase }) => phase === PHASES[0]);
}

export function holdName(index: number, holder: Holder): string {
  return `crash-locks-${String(index).padStart(3, '0')}-${holder}`;
}

/** The lock and holder of a scenario, by its name; undefined for any other scenario. */
export function holdOf(name: string): { readonly index: number; readonly holder: Holder } | undefined {
  const found = /^crash-locks-(\d{3,})-(another|itself)$/.exec(name);
  const holder = HOLDERS.find((known) => known === found?.[2]);
  return holder === undefined ? undefined : { index: Number(found?.[1]), holder };
}

/** Names come out of the guest: not every one is what a script can have. */
function isNameable({ data }: CrashLock, site: LockSite): boolean {
  if (data === undefined) return LocationSchema.safeParse(callOf(site)).success;
  return CallArgumentSchema.safeParse({ addressOf: data.symbol, offset: data.offset }).success;
}

/** A lock with a symbol: it is taken before the crash path takes it. */
function beforehand(lock: CrashLock, data: NonNullable<CrashLock['data']>, holder: Holder): Step[] {
  const { symbol, offset, of } = data;
  const address: CallArgument = {
    addressOf: symbol,
    ...(offset === 0 ? {} : { offset }),
    ...(of === undefined ? {} : { of: of === 'panicking' ? 'crasher' : 'other' }),
  };
  const early = isEarlyFlag(lock);
  if (holder === 'itself' || early) {
    // Another owner that ran could change the word, as far as anyone can prove.
    const stays = early && holder === 'another';
    const needsOther = stays || of === 'other' ? HOLD_OTHER : [];
    const [run, prove, fire] = crasherToPanic();
    const taken = take(lock, { role: 'crasher', holder }, address);
    const released = { release: stays ? 'crasher' : 'all' };
    return [...needsOther, run, prove, ...taken, fire, released].filter((step) => step !== undefined);
  }
  return [
    ...HOLD_OTHER,
    ...crasherToPanic(),
    ...toShootdown(),
    ...take(lock, { role: 'other', holder }, address),
    ...untilNmiIsSent(),
    { release: 'all' },
  ];
}

/** An allocated lock has no name: it is taken where the crash path is about to take it for the first time. */
function atSite(lock: CrashLock, site: LockSite): Step[] {
  return [
    ...HOLD_OTHER,
    ...crasherToPanic(),
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

/** A scenario of the sweep; `rest`: keys of its own. */
export function scenario(
  name: string,
  summary: string,
  steps: readonly Step[],
  rest: Pick<z.input<typeof ScenarioSchema>, 'prepare'> = {},
): Scenario {
  return ScenarioSchema.parse({
    version: 1,
    name,
    summary,
    evidence: EVIDENCE,
    guest: { cpus: 2 },
    // The question is where the crash path ends.
    vmcore: 'nonce',
    trigger: { kind: 'choreography', steps: [...steps] },
    expect: { verdict: 'captured' },
    ...rest,
  });
}
