import {
  type DataPlace,
  dataPlaceText,
  type RecordedCall,
  type RecordedFact,
} from '../../model/recorded-calls.js';
import { entryOf } from '../../stacks/cpu-stack.js';
import { baseName } from '../../symbols/index.js';
import { LOCK_FUNCTIONS, type LockFunction, type LockKind } from './lock-functions.js';

/** Before: the other CPUs run. After: they were stopped for ever. */
export const PHASES = ['before the shootdown', 'after the shootdown'] as const;
export type Phase = (typeof PHASES)[number];

/** A call by which the panicking CPU takes a lock. */
export interface LockSite {
  /** The lock function; of a flag, the instruction. */
  readonly function: string;
  readonly how: LockFunction['how'] | 'cmpxchg' | 'bts' | 'xchg';
  /** `clear_IO_APIC_pin+0x43/0x200`: its return address; of a flag, the instruction's own. */
  readonly from: string;
  /** Callers, innermost first. */
  readonly stack: readonly string[];
  readonly interrupts: boolean;
  readonly inNmi: boolean;
  readonly phase: Phase;
  readonly count: number;
}

/** A lock that the crash path takes. */
export interface CrashLock {
  /** `ioapic_lock`, `runqueues of the panicking CPU`; of an allocated lock, the function that takes it. */
  readonly name: string;
  readonly kind: LockKind | 'flag';
  /** Absent for an allocated lock. `cpu`: the other CPU whose copy was taken first. */
  readonly data?: {
    readonly symbol: string;
    readonly offset: number;
    readonly of?: 'panicking' | 'other';
    readonly cpu?: number;
  };
  /** How many allocated locks a place takes, all under this name; absent for one. */
  readonly addresses?: number;
  readonly sites: readonly LockSite[];
  /** Of a flag. */
  readonly word?: FlagWord;
}

/** The word of a flag, which an instruction in line takes: free, and as its owner leaves it. */
export interface FlagWord {
  readonly bytes: 1 | 2 | 4 | 8;
  /** Hexadecimal, as `to`. */
  readonly was: string;
  readonly to: string;
  /** The owner writes its CPU's number. */
  readonly isCpu: boolean;
}

/** What one run recorded. */
export interface Recording {
  /** Both parts: up to the shootdown, and from there to the jump. */
  readonly facts: readonly RecordedFact[];
  /** Number of the panicking CPU. */
  readonly crasher: number;
}

/** The end of the first part of a recording: the other CPUs run up to there. */
export const SHOOTDOWN = 'nmi_shootdown_cpus';

/** The locks that the crash path takes, in the order in which it first takes them, lock function by lock function. */
export function crashLocks(recordings: readonly Recording[]): CrashLock[] {
  const locks = new Map<string, Found>();
  const places: Places = new Map();
  for (const { facts, crasher } of recordings) {
    /** Names of allocated locks: one address is one lock within a run. */
    const allocated = new Map<string, string>();
    for (const fact of facts) {
      for (const call of fact.calls) {
        const taken = LOCK_FUNCTIONS.find(({ name }) => name === call.at);
        if (taken === undefined) continue;
        const name = nameOf(call, { crasher, allocated, places });
        const key = `${taken.kind} ${name}`;
        const known = locks.get(key) ?? { lock: lockOf(call, { name, taken, crasher }), most: 1, sites: [] };
        const addresses = [...allocated.values()].filter((one) => one === name).length;
        locks.set(key, { ...known, most: Math.max(known.most, addresses) });
        known.sites.push(siteOf(call, { function: taken.name, how: taken.how, phase: phaseOf(fact) }));
      }
    }
  }
  return [...locks.values()].map(({ lock, most, sites }) => ({
    ...lock,
    ...(most === 1 ? {} : { addresses: most }),
    sites: mergedSites(sites),
  }));
}

interface Found {
  readonly lock: CrashLock;
  /** Most addresses under its name in a run. */
  readonly most: number;
  readonly sites: LockSite[];
}

/** The places at which a function takes allocated locks that no other place had taken before, in their order. */
type Places = Map<string, string[]>;

/** Lock functions that no run could record, because the kernel has none of the name. */
export function missingFunctions(recordings: readonly Recording[]): string[] {
  const missing = recordings.flatMap(({ facts }) => facts.flatMap((fact) => fact.missing));
  return LOCK_FUNCTIONS.map(({ name }) => name).filter((name) =>
    missing.includes(`find the function ${name}`),
  );
}

interface Naming {
  readonly crasher: number;
  readonly allocated: Map<string, string>;
  readonly places: Places;
}

function nameOf(call: RecordedCall, { crasher, allocated, places }: Naming): string {
  const { data, argument } = call;
  if (data !== undefined) {
    return ownedName(dataPlaceText(data), data.cpu, crasher);
  }
  const name = allocated.get(argument) ?? nameOfAllocated(call.from, places);
  allocated.set(argument, name);
  return name;
}

/**
 * The function that takes it: addresses differ from run to run. Two places of a function may take two locks, and what one
 * of them leads to says nothing about the other.
 */
function nameOfAllocated(from: string, places: Places): string {
  const caller = callerOf({ from });
  // Names of copies differ between kernels; a bare address even between boots.
  const base = caller.startsWith('0x') ? 'code without a symbol' : baseName(caller);
  const known = places.get(base) ?? [];
  if (!known.includes(from)) known.push(from);
  places.set(base, known);
  const place = known.indexOf(from) + 1;
  return `allocated, taken in ${base}${place === 1 ? '' : `, place ${place}`}`;
}

function lockOf(
  { data }: RecordedCall,
  { name, taken, crasher }: { name: string; taken: LockFunction; crasher: number },
): CrashLock {
  const { kind } = taken;
  return { name, kind, ...(data === undefined ? {} : { data: ownedData(data, crasher) }), sites: [] };
}

/** A name in words, `runqueues of the panicking CPU`; `cpu`: of a per-CPU variable. */
export function ownedName(name: string, cpu: number | undefined, crasher: number): string {
  if (cpu === undefined) return name;
  return `${name} of ${cpu === crasher ? 'the panicking CPU' : 'another CPU'}`;
}

/** A recorded variable, by the role of its CPU where each has one. */
export function ownedData(
  { symbol, offset, cpu }: DataPlace,
  crasher: number,
): NonNullable<CrashLock['data']> {
  if (cpu === undefined) return { symbol, offset };
  return cpu === crasher ? { symbol, offset, of: 'panicking' } : { symbol, offset, of: 'other', cpu };
}

/** The phase in which a recording was made. */
export function phaseOf({ to }: Pick<RecordedFact, 'to'>): Phase {
  return to === SHOOTDOWN ? PHASES[0] : PHASES[1];
}

/** The site of a recorded stop. */
export function siteOf(
  { from, stack, interrupts, count }: RecordedCall,
  taken: Pick<LockSite, 'function' | 'how' | 'phase'>,
): LockSite {
  const inNmi = stack.some((name) => entryOf(name) === 'nmi');
  return { ...taken, from, stack, interrupts, inNmi, count };
}

/** The function that calls, without offset. */
export function callerOf({ from }: Pick<RecordedCall, 'from'>): string {
  return from.replace(/\+0x.*$/, '');
}

/** Sites that differ in nothing but the interrupt flag or the stack of a repetition are one. */
export function mergedSites(sites: readonly LockSite[]): LockSite[] {
  const bySite = new Map<string, LockSite>();
  for (const site of sites) {
    const key = [site.function, site.from, site.phase].join('\n');
    const known = bySite.get(key);
    bySite.set(
      key,
      known === undefined
        ? site
        : {
            ...known,
            count: known.count + site.count,
            interrupts: known.interrupts || site.interrupts,
            inNmi: known.inNmi || site.inNmi,
          },
    );
  }
  return [...bySite.values()];
}
