import type { Hpet } from '../hmp/hpet.js';
import { type IoApicPin, type Irqchips, type Pic8259, pinText } from '../hmp/irqchips.js';
import type { LocalApic } from '../hmp/lapic.js';

/** What the machine shows about its interrupts while it is stopped. */
export interface InterruptReading {
  /** Undefined: the machine does not show it. */
  readonly lapic: LocalApic | undefined;
  readonly irqchips: Irqchips;
  readonly hpet: Hpet | undefined;
  readonly counts: ReadonlyMap<string, number>;
}

/** Two readings, with time in which the machine ran between them. */
export interface InterruptReadings {
  readonly first: InterruptReading;
  /** Undefined before the second reading was taken. */
  readonly second: InterruptReading | undefined;
  readonly ranMs: number;
}

/** Whether an interrupt can still come to a vCPU that has interrupts on. */
export type Wake =
  /** Nothing sends one; `saw` is the argument. */
  | { readonly kind: 'none'; readonly saw: readonly string[] }
  /** Something will. */
  | { readonly kind: 'armed'; readonly why: string }
  /** It cannot be seen. */
  | { readonly kind: 'unknown'; readonly why: string };

/** Version of the IO-APIC that KVM models in the kernel; QEMU's own is 0x20 (hw/i386/kvm/ioapic.c, 7.2). */
const IN_KERNEL_IOAPIC = 0x11;

/** What of the machine may raise interrupts at any time. */
export interface Surroundings {
  /** A network card: its next frame, or message-signalled interrupt, may come whenever it likes. */
  readonly hasCard: boolean;
  /**
   * KVM models the local APICs. What is shown of one is as old as its vCPU's stop, and the current count of its timer is
   * made up: QEMU counts down from the initial count since it read it (hw/i386/kvm/apic.c, kvm_get_apic_state(), 7.2).
   */
  readonly inKernelApic: boolean;
}

/**
 * Judges whether an interrupt can end the sleep of a vCPU, from one reading (as long as `second` is missing, `none` means
 * that a second reading is worth while) or from two.
 */
export function wakeOf(
  { first, second, ranMs }: InterruptReadings,
  { hasCard, inKernelApic }: Surroundings,
): Wake {
  const now = second ?? first;
  const { lapic, irqchips } = now;
  if (lapic === undefined) return { kind: 'unknown', why: 'its local APIC is not shown' };
  const timer = localTimer(lapic, inKernelApic);
  if (timer.kind !== 'none') return timer;
  const pending = deliverable(lapic);
  if (pending !== undefined)
    return { kind: 'armed', why: `vector ${pending} is pending in its local APIC and will be delivered` };
  const saw = [...timer.saw];
  const pins = openPins(now);
  const lines8259 = open8259(now);
  if (hasCard && (lapic.enabled || lines8259.length > 0))
    return { kind: 'unknown', why: 'the network card may send it an interrupt at any time' };
  // IRQ 0 of the 8259 is at pin 2 of the IO-APIC.
  const open = [...pins.map(({ pin }) => pin), ...lines8259.map(({ line }) => (line === 0 ? 2 : line))];
  const hpet = hpetWake(now.hpet, open);
  if (hpet.kind !== 'none') return hpet;
  saw.push(...hpet.saw);
  if (pins.length === 0 && lines8259.length === 0) {
    saw.push(
      lapic.enabled
        ? 'no pin of the IO-APIC and no line of the 8259 reaches it'
        : 'its local APIC is disabled, and the 8259 does not reach it',
    );
  } else if (irqchips.ioApic?.version === IN_KERNEL_IOAPIC || now.counts.size === 0) {
    return {
      kind: 'unknown',
      why: 'interrupt lines are open, and whether something drives them is not shown',
    };
  }
  const raised = [
    ...pins.filter(({ irr }) => irr).map(pinText),
    ...lines8259.filter(({ requested }) => requested).map(({ line }) => `line ${line} of the 8259`),
  ];
  if (raised.length > 0) return { kind: 'armed', why: `an interrupt is pending: ${raised.join(', ')}` };
  if (second === undefined) return { kind: 'none', saw };
  const rose = risen(first.counts, second.counts);
  const rises = rose.filter(([key]) => open.some((line) => isLine(key, line)));
  if (rises.length > 0)
    return {
      kind: 'armed',
      why: `interrupts came meanwhile: ${rises.map(([key, by]) => `${key} +${by}`).join(', ')}`,
    };
  if (first.lapic === undefined || changed(first.lapic, lapic, inKernelApic))
    return { kind: 'armed', why: 'its local APIC changed meanwhile' };
  if (open.length > 0)
    saw.push(
      `no interrupt in ${Math.round(ranMs)} ms on the lines that could reach it (IO-APIC pins ${[...new Set(open)].join(', ')})`,
    );
  if (rose.length > 0)
    saw.push(`interrupts that do not reach it: ${rose.map(([key, by]) => `${key} +${by}`).join(', ')}`);
  return { kind: 'none', saw };
}

function localTimer(lapic: LocalApic, inKernelApic: boolean): Wake {
  const { timer, lvt } = lapic;
  if (!lapic.enabled) return { kind: 'none', saw: ['its local APIC is disabled'] };
  if (timer === undefined || lvt.LVTT === undefined)
    return { kind: 'unknown', why: 'its local APIC timer is not shown' };
  if (lvt.LVTT.masked) return { kind: 'none', saw: ['its local APIC timer is masked'] };
  const current = inKernelApic ? '' : `, current count ${timer.currentCount}`;
  const counts = `${timer.mode}, initial count ${timer.initialCount}${current}`;
  switch (timer.mode) {
    case 'tsc-deadline':
    case 'reserved':
      return {
        kind: 'unknown',
        why: `its local APIC timer is in ${timer.mode} mode, and its deadline is not shown`,
      };
    case 'periodic':
      if (timer.initialCount !== 0)
        return { kind: 'armed', why: `its local APIC timer is armed (${counts})` };
      break;
    case 'one-shot':
      if (inKernelApic && timer.initialCount !== 0)
        return {
          kind: 'unknown',
          why: `its local APIC timer was programmed (${counts}), and QEMU does not show KVM's current count`,
        };
      if (!inKernelApic && timer.currentCount !== 0)
        return { kind: 'armed', why: `its local APIC timer is armed (${counts})` };
  }
  return { kind: 'none', saw: [`its local APIC timer is not armed (${counts})`] };
}

/** The highest requested vector that the CPU accepts now, if any. */
function deliverable(lapic: LocalApic): number | undefined {
  if (!lapic.enabled) return undefined;
  const inService = Math.max(0, ...lapic.isr);
  const priority = Math.max(inService, lapic.ppr ?? 0) >> 4;
  const highest = Math.max(-1, ...lapic.irr);
  return highest >> 4 > priority ? highest : undefined;
}

/** Pins that can deliver: unmasked, and not waiting for an EOI. The destination is not judged: any vCPU counts. */
function openPins({ irqchips, lapic }: InterruptReading): readonly IoApicPin[] {
  if (lapic?.enabled !== true) return [];
  return (irqchips.ioApic?.pins ?? []).filter(({ masked, remoteIrr }) => !masked && !remoteIrr);
}

/** Lines of the 8259s that reach the CPU as ExtINT, through LINT0 or a pin of the IO-APIC. */
function open8259({ irqchips, lapic }: InterruptReading): { line: number; requested: boolean }[] {
  const lint0 = lapic?.lvt.LVT0;
  const isWired =
    (lint0 !== undefined && !lint0.masked && lint0.delivery === 'extINT') ||
    (irqchips.ioApic?.pins ?? []).some(({ masked, delivery }) => !masked && delivery === 'extINT');
  if (!isWired || irqchips.pics === undefined) return [];
  const { master, slave } = irqchips.pics;
  const open: { line: number; requested: boolean }[] = [];
  for (let line = 0; line < 16; line += 1) {
    const isSlaves = line >= 8;
    if (line === CASCADE || (isSlaves && !isOpen(master, CASCADE))) continue;
    const pic = isSlaves ? slave : master;
    if (isOpen(pic, line % 8)) open.push({ line, requested: ((pic.irr >> (line % 8)) & 1) === 1 });
  }
  return open;
}

/** The master's line at which the slave is. */
const CASCADE = 2;

/** Unmasked, and no line of the same or a higher priority is in service. */
function isOpen({ imr, isr }: Pic8259, bit: number): boolean {
  return ((imr >> bit) & 1) === 0 && (isr & ((2 << bit) - 1)) === 0;
}

function hpetWake(hpet: Hpet | undefined, open: readonly number[]): Wake {
  if (hpet === undefined) return { kind: 'none', saw: [] };
  if (!hpet.runs) return { kind: 'none', saw: ['the HPET is stopped'] };
  const live = hpet.timers.filter(({ enabled, ahead }) => enabled && ahead);
  if (live.some(({ message, pin }) => message || open.includes(pin)))
    return { kind: 'armed', why: 'a timer of the HPET is armed' };
  return {
    kind: 'none',
    saw: [
      live.length === 0 ? 'no timer of the HPET is armed' : 'the armed timer of the HPET is at a masked pin',
    ],
  };
}

function risen(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): [string, number][] {
  return [...after].flatMap(([key, count]): [string, number][] => {
    const by = count - (before.get(key) ?? 0);
    return by === 0 ? [] : [[key, by]];
  });
}

/** IRQ 0 arrives at pin 2 of the IO-APIC, the others at the pin of their number. */
function isLine(key: string, line: number): boolean {
  const number = Number(key.slice(key.lastIndexOf(' ') + 1));
  return number === line || (number === 0 && line === 2);
}

function changed(one: LocalApic, other: LocalApic, inKernelApic: boolean): boolean {
  const visible = ({ isr, irr, timer, enabled }: LocalApic) =>
    JSON.stringify([isr, irr, inKernelApic ? { ...timer, currentCount: 0 } : timer, enabled]);
  return visible(one) !== visible(other);
}
