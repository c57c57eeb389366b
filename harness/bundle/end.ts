import type { HostFact } from '../model/record.js';
import type { RunResult } from '../model/result.js';

/**
 * What is compared of two runs' ends:
 *
 * - the verdict's word and detail;
 * - of a capture its quality, and that each reason for which the bundle's is degraded is found again;
 * - of a proved hang its place: for each vCPU, in any order, whether it runs, sleeps or is parked, in which kernel, and its
 *   innermost function. Of a vCPU that runs, the functions that wait for a lock or for time are skipped, and the callers
 *   behind them are compared as far as both stacks are known, at most to the panic. Where the shootdown stopped a parked
 *   vCPU is not compared: it stops them anywhere.
 */
export interface RunEnd {
  readonly verdict: RunResult['verdict'];
  readonly detail: string;
  readonly quality: RunResult['quality'];
  readonly degradedBy: readonly string[];
  /** Of a proved hang whose vCPUs' places are recorded; one for each vCPU. */
  readonly place: readonly VcpuEnd[] | undefined;
}

/** Where a vCPU of a hung guest stood. */
export interface VcpuEnd {
  readonly state: 'runs' | 'sleeps' | 'parked';
  /** Where its code is, `first-kernel` for example. */
  readonly kernel: string;
  /** Innermost first, without offsets; empty where the symbols are not known. */
  readonly functions: readonly string[];
}

/** Details of hangs that are proved by what the vCPUs do; other hangs are stopped at a deadline, anywhere. */
const PROVED_HANGS = new Set(['spin', 'all-vcpus-halted', 'idle-forever', 'no-memory-at-rip']);

/** Functions that wait for a lock, or for time: the place is their caller. */
const WAITS =
  /(?:spin_(?:try)?lock|lock_slowpath|(?:read|write)_lock|const_udelay|^(?:__)?(?:delay|udelay|ndelay)|delay_(?:tsc|loop|halt)|cpu_relax|kvm_wait|pv_wait)/;
/** How a guest came to its panic differs from one try to the next. */
const PANIC = /^(?:v?panic|nmi_panic|(?:__)?crash_kexec)$/;

/** The end of a run, from its result and its host facts. Pure. */
export function endOf(result: RunResult, facts: readonly HostFact[]): RunEnd {
  const { verdict, detail, quality, degradedBy } = result;
  const isProvedHang = verdict.endsWith('-hang') && PROVED_HANGS.has(detail);
  return { verdict, detail, quality, degradedBy, place: isProvedHang ? placeOf(facts) : undefined };
}

function placeOf(facts: readonly HostFact[]): VcpuEnd[] | undefined {
  const stacks = new Map<number, readonly string[]>();
  const stood = new Map<number, Stood>();
  // The examination first: the last places are newer, and older recordings have none.
  for (const fact of facts) {
    if (fact.fact === 'stack') stacks.set(fact.vcpu, fact.functions);
    if (fact.fact !== 'examination' || fact.finding !== 'hung') continue;
    for (const { vcpu, state, place, where } of fact.vcpus) {
      const is = state === 'running' ? 'runs' : state === 'asleep' ? 'sleeps' : 'parked';
      stood.set(vcpu, { state: is, kernel: place, where });
    }
  }
  for (const fact of facts) {
    if (fact.fact !== 'last-place') continue;
    const { vcpu, place, halted, interruptsOn, where } = fact;
    const state = !halted ? 'runs' : interruptsOn ? 'sleeps' : 'parked';
    stood.set(vcpu, { state, kernel: place, where });
  }
  const place = [...stood].map(([vcpu, { state, kernel, where }]): VcpuEnd => {
    const sure = (stacks.get(vcpu) ?? []).filter((name) => !name.startsWith('?'));
    const innermost = where === undefined ? [] : [where.replace(/\+0x.*$/, '')];
    return { state, kernel, functions: relevant(state, sure.length > 0 ? sure : innermost) };
  });
  return place.length === 0 ? undefined : place;
}

interface Stood extends Pick<VcpuEnd, 'state' | 'kernel'> {
  readonly where: string | undefined;
}

function relevant(state: VcpuEnd['state'], functions: readonly string[]): string[] {
  if (state !== 'runs') return functions.slice(0, 1);
  const callers = functions.findIndex((name) => !WAITS.test(name));
  // A stack that ends in the wait says no more than that.
  const own = callers === -1 ? functions.slice(0, 1) : functions.slice(callers);
  const panic = own.findIndex((name) => PANIC.test(name));
  return panic === -1 ? own : own.slice(0, panic + 1);
}

/** Why a run's end is not the one that is wanted; undefined when it is. Pure. */
export function whyNotSame(wanted: RunEnd, seen: RunEnd): string | undefined {
  if (seen.verdict !== wanted.verdict || seen.detail !== wanted.detail)
    return `${seen.verdict}: ${seen.detail}`;
  if (seen.quality !== wanted.quality) return `${seen.verdict}, ${seen.quality ?? 'no quality'}`;
  const missing = wanted.degradedBy.filter((reason) => !seen.degradedBy.includes(reason));
  if (missing.length > 0) return `degraded, but not by ${missing.join(', ')}`;
  if (wanted.place === undefined) return undefined;
  if (seen.place === undefined) return 'the same verdict, and the places of its vCPUs are not known';
  return isSamePlace(wanted.place, seen.place)
    ? undefined
    : `the same verdict at another place: ${placeText(seen.place)}`;
}

/** Each vCPU of one end has its own in the other; roles go to other vCPUs from one try to the next. */
function isSamePlace(wanted: readonly VcpuEnd[], seen: readonly VcpuEnd[]): boolean {
  if (wanted.length !== seen.length) return false;
  const left = [...seen];
  // The deepest stacks first: one that shows little fits to many.
  for (const one of wanted.toSorted((a, b) => b.functions.length - a.functions.length)) {
    const fitting = left
      .filter((other) => fits(one, other))
      .sort((a, b) => b.functions.length - a.functions.length);
    const [best] = fitting;
    if (best === undefined) return false;
    left.splice(left.indexOf(best), 1);
  }
  return true;
}

function fits(one: VcpuEnd, other: VcpuEnd): boolean {
  if (one.state !== other.state || one.kernel !== other.kernel) return false;
  const common = Math.min(one.functions.length, other.functions.length);
  // Where one side has no symbols, the kernel is all that can be compared.
  return one.functions.slice(0, common).every((name, index) => name === other.functions[index]);
}

/** A place for people: `1 vCPU runs in ioapic_read_entry < clear_IO_APIC_pin; 1 parked in crash_nmi_callback`. */
export function placeText(place: readonly VcpuEnd[]): string {
  const counted = new Map<string, number>();
  for (const { state, kernel, functions } of place) {
    const where = functions.length === 0 ? kernel : functions.join(' < ');
    const text = `${state === 'parked' ? 'is parked' : state} in ${where}`;
    counted.set(text, (counted.get(text) ?? 0) + 1);
  }
  return [...counted]
    .map(([text, count]) => `${count} vCPU${count === 1 ? '' : 's, each'} ${text}`)
    .join('; ');
}
