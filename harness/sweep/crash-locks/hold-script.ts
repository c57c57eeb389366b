import type { Scenario } from '../../plan/scenario.js';
import {
  type CallArgument,
  CallArgumentSchema,
  type Location,
  LocationSchema,
  type Step,
} from '../../trigger/choreography-steps.js';
import { CRASHER_CPU } from './contexts.js';
import { TAKES } from './lock-functions.js';
import { callerOf, type CrashLock, type LockSite, PHASES } from './locks.js';
import {
  type Holder,
  HOLDERS,
  holdOthers,
  intoPanic,
  nameOf,
  OTHER_CPU,
  roleOf,
  scenario,
  type Setting,
  toShootdown,
  untilNmiIsSent,
  WITHIN_MS,
} from './script.js';

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
  const named = early && isOwnerless(lock) && setting.cpus > 1 ? 'another' : holder;
  const summary = `${lock.name} (${lock.kind}) is ${whoText(lock, named)}`;
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

/** Whether a lock is a flag whose word does not say who owns it: nobody holds it that the debugger has set. */
export function isOwnerless({ kind, word }: Pick<CrashLock, 'kind' | 'word'>): boolean {
  return kind === 'flag' && word?.isCpu !== true;
}

function whoText(lock: CrashLock, holder: Holder): string {
  const early = isEarlyFlag(lock);
  if (isOwnerless(lock)) {
    const when = early || holder === 'itself' ? 'before the panic' : 'right before the shootdown';
    return `set by crashpath ${when}, as an owner leaves it`;
  }
  if (holder === 'itself') return 'held by the panicking CPU';
  return early ? 'held by another CPU, which does not run' : 'held by a CPU that was stopped';
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
