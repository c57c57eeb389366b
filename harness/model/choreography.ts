import { z } from 'zod';
import { LocalApicConditionsSchema, PinConditionsSchema, PinNameSchema } from './irqchip.js';

const symbol = z.string().regex(/^[A-Za-z_][\w.]{0,255}$/, 'must be a kernel symbol');
/** One symbol, or several of which the first that the kernel has is meant (a function renamed between versions). */
const symbols = z.union([symbol, z.array(symbol).min(1).max(8)]);

/** Roles are the script's names for vCPUs. */
const role = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be a role: lower-case letters, digits, dashes');
const withinMs = z.number().int().min(100).max(600_000);

/** Longest function that a place may be looked for in, bytes: more than any kernel's has (symbols/places.ts). */
const offset = z
  .number()
  .int()
  .min(0)
  .max(256 * 1024);
const linear = z.string().regex(/^0x[0-9a-f]{1,16}$/, 'must be an address in quotes, such as "0x1d000200"');

/**
 * A place in the kernel's code: a function's first instruction, the return address of a call inside another, the
 * instruction at an offset in a function, or its first one of a kind. Or a linear address, for code that has no
 * symbols: what runs after the jump.
 */
export const LocationSchema = z.union([
  symbols,
  z.strictObject({ after: symbols, in: symbols }),
  z.strictObject({ in: symbols, offset }),
  z.strictObject({
    in: symbols,
    instruction: z.string().regex(/^[a-z][a-z0-9]{1,15}$/, 'must be a mnemonic, such as lidt'),
  }),
  z.strictObject({ linear }),
]);

/** An IDT as `info registers` shows it: linear base and limit in bytes. */
const idt = z.string().regex(/^0x[0-9a-f]{1,16}\/0x[0-9a-f]{1,4}$/, 'must be BASE/LIMIT, such as "0x0/0x0"');

/** The step that binds a role says which vCPU may take it; `turn` is vCPU (trial - 1) modulo vCPUs. */
const on = z.union([z.number().int().min(0).max(63), z.literal('turn')]);

const Stimulate = z.strictObject({
  /** Shell text that runs in the guest, in the background, until the guest dies. */
  stimulate: z.strictObject({ script: z.string().min(1).max(4096) }),
});
const Hold = z.strictObject({
  /** Let all vCPUs that are not held run until one comes to the place; it becomes `as` and stays there. */
  hold: z.strictObject({ as: role, at: LocationSchema, on: on.optional(), withinMs: withinMs.optional() }),
});
const Run = z.strictObject({
  /**
   * Let one vCPU run alone. With `to`, until it comes to the place and stays there; if it does not within `withinMs`,
   * it is stopped where it stands when `orElse: stay`, else the run is void. With `forMs`, for that long.
   */
  run: z.strictObject({
    as: role,
    on: on.optional(),
    to: LocationSchema.optional(),
    forMs: z.number().int().min(1).max(60_000).optional(),
    withinMs: withinMs.optional(),
    orElse: z.literal('stay').optional(),
    thenStep: z.number().int().min(1).max(4096).optional(),
    idt: idt.optional(),
  }),
});
const Trace = z.strictObject({
  /**
   * Walk one vCPU, alone, instruction by instruction from where it stands, and record the way: over calls (but through
   * every `lidt` in them) and repeated string instructions, into the functions named by `into`; until the capture
   * kernel has loaded an IDT of its own, with a gate for the NMI.
   */
  trace: z.strictObject({
    role,
    into: z.array(symbol).max(64).default([]),
    most: z.number().int().min(1).max(20_000).default(8000),
    withinMs: withinMs.optional(),
  }),
});
const Prove = z.strictObject({
  prove: z.union([
    /** A spinlock's word, at the symbol: its lowest byte is not zero when held. */
    z.strictObject({ lock: symbol, held: z.boolean() }),
    /** The function that a stopped vCPU is in. */
    z.strictObject({ role, in: symbols }),
    /** RFLAGS.IF of a stopped vCPU. */
    z.strictObject({ role, interrupts: z.enum(['on', 'off']) }),
    /** At least one vector is in service in the vCPU's local APIC: short for `lapic: { isr: any }`. */
    z.strictObject({ role, inService: z.literal(true) }),
    /** The stopped vCPU's local APIC. */
    z.strictObject({ role, lapic: LocalApicConditionsSchema }),
    /** A pin of the IO-APIC. */
    z.strictObject({ pin: PinNameSchema, is: PinConditionsSchema }),
    /** A function that the stopped vCPU's stack shows. */
    z.strictObject({ role, stackHas: symbols }),
  ]),
});
const Fire = z.strictObject({
  /** Directed panic: the role's vCPU goes into panic() from where it stands, and runs alone for `aloneMs`. */
  fire: z.strictObject({ role, aloneMs: z.number().int().min(0).max(60_000).default(0) }),
});
const Interrupt = z.strictObject({
  /** An NMI, or a vector, for the role's vCPU only: pending at once, taken when the vCPU runs next. */
  interrupt: z.union([
    z.strictObject({ role, nmi: z.literal(true) }),
    z.strictObject({ role, vector: z.number().int().min(16).max(255) }),
  ]),
});
const Release = z.strictObject({
  /** `all`: every vCPU runs from now on. A role: it runs with the others that were let go. */
  release: z.union([z.literal('all'), role]),
});

export const StepSchema = z.union([Stimulate, Hold, Run, Trace, Prove, Fire, Interrupt, Release]);

/** Hold, run, prove, fire, release: a crash as a script. docs/choreography.md teaches it. */
export const ChoreographySchema = z.array(StepSchema).min(1).max(64);

export type Location = z.infer<typeof LocationSchema>;
export type Step = z.infer<typeof StepSchema>;
export type StateProof = z.infer<typeof Prove>['prove'];

/** The verb of a step. */
export function verbOf(
  step: Step,
): 'stimulate' | 'hold' | 'run' | 'trace' | 'prove' | 'fire' | 'interrupt' | 'release' {
  if ('stimulate' in step) return 'stimulate';
  if ('hold' in step) return 'hold';
  if ('run' in step) return 'run';
  if ('trace' in step) return 'trace';
  if ('prove' in step) return 'prove';
  if ('fire' in step) return 'fire';
  return 'interrupt' in step ? 'interrupt' : 'release';
}
