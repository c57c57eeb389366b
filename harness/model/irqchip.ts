import { z } from 'zod';

/** One pin of an IO-APIC: its redirection entry, and whether an interrupt is pending there. */
export interface IoApicPin {
  readonly pin: number;
  readonly vector: number;
  readonly trigger: 'edge' | 'level';
  readonly polarity: 'high' | 'low';
  readonly masked: boolean;
  readonly delivery: 'fixed' | 'lowest' | 'SMI' | 'NMI' | 'INIT' | 'extINT' | 'reserved';
  readonly destinationMode: 'physical' | 'logical';
  /** All eight bits of the destination field: an APIC id, or a set of logical ids. */
  readonly destination: number;
  /** For a level pin that QEMU models, the line's level; for an edge pin, an edge that was not delivered yet. */
  readonly irr: boolean;
  /** Level pins only: delivered, and not acknowledged by an EOI yet. */
  readonly remoteIrr: boolean;
}

export interface IoApic {
  /** 0x20 is QEMU's own model, 0x11 KVM's. */
  readonly version: number;
  readonly pins: readonly IoApicPin[];
}

/** The registers of one 8259, a bit for each of its eight lines. `elcr`: lines that are level triggered. */
export interface Pic8259 {
  readonly irr: number;
  readonly imr: number;
  readonly isr: number;
  readonly elcr: number;
}

/** What `info pic` shows; a machine may have none of either. */
export interface InterruptRouters {
  readonly ioApic: IoApic | undefined;
  readonly pics: { readonly master: Pic8259; readonly slave: Pic8259 } | undefined;
}

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
  /** The software enable bit of the spurious vector register; a disabled APIC keeps what comes pending. */
  readonly enabled: boolean;
  readonly spuriousVector: number;
  readonly lvt: Readonly<Partial<Record<LvtName, LvtEntry>>>;
  /** Vectors in service: accepted, no EOI yet. */
  readonly isr: readonly number[];
  /** Vectors requested: not accepted yet. */
  readonly irr: readonly number[];
  /** Those of the two that came from a level pin. */
  readonly level: readonly number[];
}

const anyOrVector = z.union([z.literal('any'), z.number().int().min(16).max(255)]);

/** What is asked of a local APIC; every one that is given must hold. */
export const LocalApicConditionsSchema = z
  .strictObject({
    enabled: z.boolean().optional(),
    /** A vector in service, or any. */
    isr: anyOrVector.optional(),
    /** A vector requested and not accepted yet, or any. */
    irr: anyOrVector.optional(),
  })
  .refine((asked) => Object.keys(asked).length > 0, 'must ask for enabled, isr or irr');
export type LocalApicConditions = z.infer<typeof LocalApicConditionsSchema>;

/** A pin by its number, or by the device in the row of /proc/interrupts that belongs to it, e.g. `ttyS0`. */
export const PinNameSchema = z.union([
  z.number().int().min(0).max(239),
  z.string().regex(/^[A-Za-z][\w.:-]{0,63}$/, 'must be a pin or a device in /proc/interrupts'),
]);
export type PinName = z.infer<typeof PinNameSchema>;

/** What is asked of an IO-APIC's pin; every one that is given must hold. */
export const PinConditionsSchema = z
  .strictObject({
    trigger: z.enum(['edge', 'level']).optional(),
    masked: z.boolean().optional(),
    irr: z.boolean().optional(),
    remoteIrr: z.boolean().optional(),
    /** The line's level; it can be told for level pins only. */
    line: z.enum(['asserted', 'idle']).optional(),
  })
  .refine((asked) => Object.keys(asked).length > 0, 'must ask for trigger, masked, irr, remoteIrr or line');
export type PinConditions = z.infer<typeof PinConditionsSchema>;
