import { z } from 'zod';
import { ChoreographySchema } from './choreography.js';
import { LocalApicConditionsSchema, PinConditionsSchema, PinNameSchema } from './irqchip.js';
import { SourceSchema } from './source.js';
import { VERDICT_WORDS } from './verdict.js';

/** Names become directory names, so they are narrow. */
export const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

const guestPath = z
  .string()
  .max(256)
  .regex(/^\/[\w./-]+$/, 'must be an absolute guest path');

/** One preparation inside the guest, before anything is proved. */
const Prepare = z.union([
  z.strictObject({ write: z.strictObject({ path: guestPath, value: z.string().max(1024) }) }),
  z.strictObject({ script: z.string().min(1).max(4096) }),
]);

/**
 * One statement about the guest that must be shown true, or the run is void. All are checked right before firing, but
 * for `interrupts` without `withinMs`: that compares a row of /proc/interrupts, summed over CPUs, before firing and
 * after the watch.
 */
const Proof = z.union([
  z.strictObject({ read: z.strictObject({ path: guestPath, equals: z.string().max(1024) }) }),
  z.strictObject({
    interrupts: z.strictObject({
      /** A row's number or name, or the device that has it. */
      row: z.string().regex(/^\w[\w.:-]{0,63}$/, 'must be a row or device of /proc/interrupts'),
      risesBy: z.number().int().min(1),
      /** With it, the row rises before firing, within so many milliseconds. */
      withinMs: z.number().int().min(100).max(60_000).optional(),
    }),
  }),
  /** A pin of the IO-APIC. */
  z.strictObject({ pin: PinNameSchema, is: PinConditionsSchema }),
  /** The local APIC of a vCPU, which runs meanwhile. */
  z.strictObject({ cpu: z.number().int().min(0).max(63), lapic: LocalApicConditionsSchema }),
]);

/** How the guest is made to panic. */
const Trigger = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sysrq'),
    /** The sysrq command letter; `c` crashes. */
    key: z.string().regex(/^[a-z0-9]$/),
    /** vCPU that writes /proc/sysrq-trigger; absent: wherever the agent runs. */
    cpu: z.number().int().min(0).max(255).optional(),
  }),
  /** QMP inject-nmi: the boot CPU gets it on a booted Linux (LINT1 is masked on the others). */
  z.strictObject({ kind: z.literal('nmi') }),
  /** A directed crash: vCPUs held, run, looked at and directed into panic() (docs/choreography.md). */
  z.strictObject({ kind: z.literal('choreography'), steps: ChoreographySchema }),
]);

const sizeText = z.string().regex(/^\d+[KMG](@\d+[KMG])?$/, 'must be a size such as 192M');

export const ScenarioSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().regex(NAME, 'must be lower-case letters, digits and dashes'),
  summary: z.string().min(1).max(160),
  /** Commits, threads or measurements that say why this scenario matters. */
  evidence: z.array(z.string().min(1)).default([]),
  guest: z
    .strictObject({
      cpus: z.number().int().min(1).max(64).optional(),
      memoryMiB: z.number().int().min(128).max(65536).optional(),
      crashkernel: sizeText.optional(),
      append: z.string().max(1024).optional(),
      captureAppend: z.string().max(1024).optional(),
      modules: z.array(z.string().regex(/^[\w-]{1,64}$/)).optional(),
    })
    .default({}),
  /** `loaded`: the crash kernel is armed and that is proved; `absent`: nothing is loaded, and that is proved. */
  crashKernel: z.enum(['loaded', 'absent']).default('loaded'),
  prepare: z.array(Prepare).max(32).default([]),
  /** Interrupts from outside the guest, from before the proofs until the run ends. */
  sources: z.array(SourceSchema).max(8).default([]),
  prove: z.array(Proof).max(32).default([]),
  trigger: Trigger,
  /** How long the guest is watched for signs of a panic before it is asked whether it is still alive. */
  watchMs: z.number().int().min(500).max(600_000).optional(),
  expect: z.strictObject({
    verdict: z.enum(VERDICT_WORDS),
    quality: z.enum(['clean', 'degraded']).optional(),
  }),
});

export type Scenario = z.infer<typeof ScenarioSchema>;
export type Preparation = z.infer<typeof Prepare>;
export type Proof = z.infer<typeof Proof>;
export type Trigger = z.infer<typeof Trigger>;
