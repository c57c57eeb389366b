import { dataPlaceText, type RecordedCall } from '../../model/recorded-calls.js';
import type { LockedFact } from '../../model/locked-instructions.js';
import { type AtomicPlace, atomicRounds, type AtomicUse, placeName, useOf } from './atomics.js';
import {
  type CrashLock,
  type LockSite,
  mergedSites,
  ownedData,
  ownedName,
  type Phase,
  phaseOf,
  PHASES,
  type Recording,
  siteOf,
} from './locks.js';

/** A locked instruction of the crash path that is no take of a named flag, or one that was not executed. */
export interface CrashAtomic {
  /** `__printk_cpu_sync_put+0x12`. */
  readonly place: string;
  readonly text: string;
  /** The variable, where it has a name. */
  readonly name?: string;
  readonly use: AtomicUse | 'not executed' | 'unreadable';
  readonly phases: readonly Phase[];
  readonly count: number;
}

/** The flags that the crash path takes in line, as locks, and all other locked instructions. */
export interface CrashFlags {
  readonly flags: readonly CrashLock[];
  readonly atomics: readonly CrashAtomic[];
}

interface Stop {
  readonly call: RecordedCall;
  readonly phase: Phase;
}

/** Judges the locked instructions of the crash path by what recordings show of their words. */
export function crashFlags(
  located: LockedFact,
  { recordings, crasher }: { readonly recordings: readonly Recording[]; readonly crasher: number },
): CrashFlags {
  const stops = recordings.flatMap(({ facts }) =>
    facts.flatMap((fact): Stop[] => fact.calls.map((call) => ({ call, phase: phaseOf(fact) }))),
  );
  const all = stops.map(({ call }) => call);
  const flags = new Map<string, { readonly flag: CrashLock; readonly sites: LockSite[] }>();
  const atomics: CrashAtomic[] = [];
  for (const place of atomicRounds(located).flat()) {
    const here = stops.filter(({ call }) => call.at === placeName(place));
    const beside = { used: place.used, here: here.map(({ call }) => call), all };
    const uses = new Set(here.map(({ call }) => useOf(call, beside) ?? 'unreadable'));
    for (const { call, phase } of here) {
      if (useOf(call, beside) !== 'take') continue;
      const name = flagName(call, crasher);
      const known = flags.get(name) ?? { flag: flagOf(call, { name, crasher }), sites: [] };
      flags.set(name, known);
      const how = howOf(call);
      known.sites.push(siteOf(call, { function: how, how, phase }));
    }
    const [use = 'not executed'] = [...uses].filter((one) => one !== 'take');
    if (!uses.has('take')) atomics.push(atomicOf(place, { use, here, crasher }));
  }
  return {
    flags: [...flags.values()].map(({ flag, sites }) => ({ ...flag, sites: mergedSites(sites) })),
    atomics,
  };
}

/** `panic_cpu`, `flags+0x8 bit 3`, `state of the panicking CPU`. */
function flagName({ data, word }: RecordedCall, crasher: number): string {
  const bit = word?.bit === undefined ? '' : ` bit ${word.bit}`;
  if (data === undefined) return bit;
  return ownedName(`${dataPlaceText(data)}${bit}`, data.cpu, crasher);
}

function flagOf(
  { data, word }: RecordedCall,
  { name, crasher }: { readonly name: string; readonly crasher: number },
): CrashLock {
  if (data === undefined || word?.writes === undefined) throw new Error(`${name} is no flag`);
  const { bytes, was, writes: to } = word;
  // -1 is no CPU: then the owner's number is what replaces it.
  const isCpu = BigInt.asIntN(8 * bytes, BigInt(was)) === -1n && BigInt(to) === BigInt(crasher);
  return { name, kind: 'flag', data: ownedData(data, crasher), sites: [], word: { bytes, was, to, isCpu } };
}

function howOf({ word }: RecordedCall): 'cmpxchg' | 'bts' | 'xchg' {
  return word?.instruction === 'bts' || word?.instruction === 'xchg' ? word.instruction : 'cmpxchg';
}

function atomicOf(
  place: AtomicPlace,
  {
    use,
    here,
    crasher,
  }: { readonly use: CrashAtomic['use']; readonly here: readonly Stop[]; readonly crasher: number },
): CrashAtomic {
  const named = here.find(({ call }) => call.data !== undefined);
  return {
    ...{ place: placeName(place), text: place.text, use },
    ...(named === undefined ? {} : { name: flagName(named.call, crasher) }),
    phases: PHASES.filter((phase) => here.some((stop) => stop.phase === phase)),
    count: here.reduce((sum, { call }) => sum + call.count, 0),
  };
}
