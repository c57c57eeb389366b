import { type Scenario, ScenarioSchema } from '../plan/scenario.js';
import type { Location, Step } from '../trigger/choreography-steps.js';
import { approachesTo } from './approach.js';
import type { TracePoint } from './instruction-trace.js';

/**
 * Functions that are traced instruction by instruction; names of 5.10 to 6.12. The last one is the capture kernel's: it
 * is called, not jumped to, in 6.12 (common_startup_64 in head_64.S), and never returns.
 */
const TRACED_FUNCTIONS = [
  'panic',
  'vpanic',
  '__crash_kexec',
  'machine_crash_shutdown',
  'native_machine_crash_shutdown',
  'lapic_shutdown',
  'machine_kexec',
  'relocate_kernel',
  'x86_64_start_kernel',
];

/** Milliseconds of the host's clock; a busy host needs minutes for the decompression between two points. */
const WITHIN_MS = 120_000;

/** One vCPU, and KASLR off in both kernels: then an address means the same instruction in every run of a sweep. */
const GUEST = { cpus: 1, append: 'nokaslr', captureAppend: 'nokaslr' };

const EVIDENCE = [
  'https://lkml.org/lkml/2012/2/29/340: an NMI between machine_kexec() and the second kernel finds an empty IDT',
];

/** Brings the crasher to panic(), from a timer interrupt, which every vCPU takes, idle or not. */
const TO_PANIC: readonly Step[] = [
  { hold: { as: 'crasher', at: 'sysvec_apic_timer_interrupt' } },
  { prove: { role: 'crasher', in: 'sysvec_apic_timer_interrupt' } },
  { prove: { role: 'crasher', interrupts: 'off' } },
  { fire: { role: 'crasher', aloneMs: 0 } },
  { run: { as: 'crasher', to: 'panic' } },
];

/**
 * A scenario that traces the crash path from panic() to the capture kernel's own IDT, without any NMI. `from`: linear
 * addresses of calls that are traced into as well; a trace that has them is another `round` (from 1).
 */
export function traceScenario(round = 1, from: readonly string[] = []): Scenario {
  const more = round === 1 ? '' : `, into what changes the IDT (round ${round})`;
  return scenario(traceName(round), `instruction trace from panic() to the capture kernel, no NMI${more}`, [
    { trace: { role: 'crasher', into: TRACED_FUNCTIONS, from: [...from], most: 8000 } },
    { release: 'all' },
  ]);
}

/** Name of the scenario that records the trace for the `round`th time. */
export function traceName(round: number): string {
  return round === 1 ? 'nmi-transition-trace' : `nmi-transition-trace-${round}`;
}

/** The scenario from which a sweep's guests are planned: one NMI at the first instruction of panic(). */
export function firstScenario(): Scenario {
  return scenario(pointName(0), 'one NMI at the first instruction of panic()', [
    { interrupt: { role: 'crasher', nmi: true } },
    { release: 'all' },
  ]);
}

/** A scenario that injects one NMI before the instruction at a point of the trace. */
export function pointScenario(trace: readonly TracePoint[], index: number): Scenario {
  const point = trace[index];
  if (point === undefined) throw new RangeError(`no point ${index} in a trace of ${trace.length}`);
  const approaches = approachesTo(trace, index);
  const runs = approaches.map(({ at, next }, position): Step => {
    const target = trace[at];
    if (target === undefined) throw new RangeError(`no point ${at} in a trace of ${trace.length}`);
    const after = next === undefined ? {} : next === 'over' ? { thenOver: 'call' as const } : { thenStep: 1 };
    const last = position === approaches.length - 1;
    const idt = point.idt === undefined || !last ? {} : { idt: `${point.idt.base}/${point.idt.limit}` };
    return { run: { as: 'crasher', to: locationOf(target), withinMs: WITHIN_MS, ...after, ...idt } };
  });
  return scenario(pointName(index), `one NMI before ${point.name} (${point.text})`.slice(0, 160), [
    ...runs,
    { interrupt: { role: 'crasher', nmi: true } },
    { release: 'all' },
  ]);
}

/** Name of a point's scenario. */
export function pointName(index: number): string {
  return `nmi-transition-${String(index).padStart(4, '0')}`;
}

/** The point of a scenario, by its name; undefined for any other scenario. */
export function pointOf(name: string): number | undefined {
  const digits = /^nmi-transition-(\d{4,6})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function scenario(name: string, summary: string, steps: readonly Step[]): Scenario {
  return ScenarioSchema.parse({
    version: 1,
    name,
    summary,
    evidence: EVIDENCE,
    guest: GUEST,
    // A sweep asks where the crash path ends, hundreds of times.
    vmcore: 'nonce',
    trigger: { kind: 'choreography', steps: [...TO_PANIC, ...steps] },
    expect: { verdict: 'captured' },
  });
}

function locationOf({ place, name, at }: TracePoint): Location {
  const symbol = place === 'first-kernel' ? /^([A-Za-z_][\w.]*)\+0x([0-9a-f]+)$/.exec(name) : null;
  if (symbol === null) return { linear: at };
  const [, named = '', offset = '0'] = symbol;
  return { in: named, offset: Number.parseInt(offset, 16) };
}
