import { deliveryOf, type IoApicPin } from './irqchips.js';

export const LVT_NAMES = ['LVT0', 'LVT1', 'LVTPC', 'LVTERR', 'LVTTHMR', 'LVTT'] as const;
export type LvtName = (typeof LVT_NAMES)[number];

/** One entry of a local APIC's local vector table. */
export interface LvtEntry {
  readonly vector: number;
  readonly masked: boolean;
  readonly delivery: IoApicPin['delivery'];
}

/** What `info lapic` shows of one vCPU's local APIC. */
export interface LocalApic {
  /** Number of the vCPU. */
  readonly vcpu: number;
  /** The software enable bit of the spurious vector register; a disabled APIC keeps arriving interrupts pending. */
  readonly enabled: boolean;
  readonly spuriousVector: number;
  readonly lvt: Readonly<Partial<Record<LvtName, LvtEntry>>>;
  /** Vectors in service: accepted, EOI outstanding. */
  readonly isr: readonly number[];
  /** Vectors requested and not accepted yet. */
  readonly irr: readonly number[];
  /** Vectors of both lists that came from a level pin. */
  readonly level: readonly number[];
  /** The timer; undefined where the text does not show it. */
  readonly timer?: LapicTimer | undefined;
  /** Processor priority: a vector is accepted when its class (its upper four bits) is higher. */
  readonly ppr?: number | undefined;
}

/** The local APIC's timer (Intel SDM volume 3, 10.5.4). Its vector and mask are those of LVTT. */
export interface LapicTimer {
  readonly mode: 'one-shot' | 'periodic' | 'tsc-deadline' | 'reserved';
  readonly initialCount: number;
  readonly currentCount: number;
}

/**
 * Reads HMP `info lapic ID`: QEMU 7.2, xAPIC, vCPUs that run (recorded). In x2APIC mode and with KVM's in-kernel APIC
 * the text differs only in the words `(X2APIC ID)`, and a vector from a level pin is `37(level)` (QEMU,
 * target/i386/cpu-dump.c; a listing from a KVM host, kvm@vger.kernel.org, 2022). Undefined for other text, such as `No
 * CPU available`.
 */
export function readLapic(text: string): LocalApic | undefined {
  const vcpu = /^dumping local APIC state for CPU (\d{1,4})/m.exec(text)?.[1];
  const spurious = /^SPIV\t 0x([0-9a-f]{8}) APIC (enabled|disabled)/m.exec(text);
  const isr = vectorsOf(text, 'ISR');
  const irr = vectorsOf(text, 'IRR');
  if (vcpu === undefined || spurious?.[1] === undefined || isr === undefined || irr === undefined) {
    return undefined;
  }
  const lvt: Partial<Record<LvtName, LvtEntry>> = {};
  for (const name of LVT_NAMES) {
    const entry = new RegExp(`^${name}\t 0x([0-9a-f]{8}) `, 'm').exec(text)?.[1];
    if (entry !== undefined) lvt[name] = lvtEntry(Number.parseInt(entry, 16));
  }
  return {
    vcpu: Number(vcpu),
    enabled: spurious[2] === 'enabled',
    spuriousVector: Number.parseInt(spurious[1], 16) & 0xff,
    lvt,
    isr: isr.map(({ vector }) => vector),
    irr: irr.map(({ vector }) => vector),
    level: [...new Set([...isr, ...irr].flatMap(({ vector, level }) => (level ? [vector] : [])))],
    timer: timerOf(text),
    ppr: hexByte(/\bPPR 0x([0-9a-f]{2})\b/.exec(text)?.[1]),
  };
}

const TIMER_MODES = ['one-shot', 'periodic', 'tsc-deadline', 'reserved'] as const;

/** `LVTT\t 0x000000ec ...` and `Timer\t DCR=0x3 (divide by 16) initial_count = 98985460 current_count = 81044012`. */
function timerOf(text: string): LapicTimer | undefined {
  const entry = /^LVTT\t 0x([0-9a-f]{8}) /m.exec(text)?.[1];
  const [, initial, current] =
    /^Timer\t .*\binitial_count = (\d{1,10}) current_count = (\d{1,10})\s*$/m.exec(text) ?? [];
  if (entry === undefined || initial === undefined || current === undefined) return undefined;
  const mode = TIMER_MODES[(Number.parseInt(entry, 16) >> 17) & 3] ?? 'reserved';
  return { mode, initialCount: Number(initial), currentCount: Number(current) };
}

function hexByte(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

function lvtEntry(entry: number): LvtEntry {
  return { vector: entry & 0xff, masked: ((entry >> 16) & 1) === 1, delivery: deliveryOf(entry) };
}

/** `ISR\t 36 48(level) ` or `ISR\t (none)`. */
function vectorsOf(text: string, name: 'ISR' | 'IRR'): { vector: number; level: boolean }[] | undefined {
  const list = new RegExp(`^${name}\t ((?:\\d{1,3}(?:\\(level\\))? *)+|\\(none\\)) *\\r?$`, 'm').exec(
    text,
  )?.[1];
  if (list === undefined) return undefined;
  return [...list.matchAll(/(\d+)(\(level\))?/g)].map(([, vector, level]) => ({
    vector: Number(vector),
    level: level !== undefined,
  }));
}

/** A local APIC in one line: `enabled ISR 36 IRR 48(level)`. */
export function lapicText(lapic: LocalApic): string {
  const list = (vectors: readonly number[]) =>
    vectors.map((vector) => `${vector}${lapic.level.includes(vector) ? '(level)' : ''}`).join(' ') ||
    '(none)';
  return `${lapic.enabled ? 'enabled' : 'disabled'} ISR ${list(lapic.isr)} IRR ${list(lapic.irr)}`;
}
