import { z } from 'zod';
import { TriggerSchema } from '../trigger/triggers.js';
import { CpuFlags, symbolsSchema } from './choreography.js';
import { GuestFactSchema, guestPath } from './guest-fact.js';
import { CRASHKERNEL, GUEST_LIMITS } from './guest-limits.js';
import { LocalApicConditionsSchema, PinConditionsSchema, PinNameSchema } from './irqchip.js';
import { NicSchema } from './nic.js';
import { SourceSchema } from './source.js';
import { VERDICT_WORDS } from './verdict.js';

/** Names become directory names, so they are narrow. */
export const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** One preparation inside the guest, before anything is proved. */
const Prepare = z.union([
  z.strictObject({ write: z.strictObject({ path: guestPath, value: z.string().max(1024) }) }),
  z.strictObject({ script: z.string().min(1).max(4096) }),
  /** One byte of the loaded crash image is inverted, in the guest's physical memory, from outside. */
  z.strictObject({
    flipCrashImage: z.strictObject({
      /** Into the largest loaded segment. */
      offset: z
        .number()
        .int()
        .min(0)
        .max(2 ** 32),
    }),
  }),
]);

/** What the console's report of the panic must show: text of its message, a function of its stack. */
const PanicReport = z
  .strictObject({
    says: z.string().min(1).max(160).optional(),
    /** One function, or several of which one must be there (renamed between versions). */
    stackHas: symbolsSchema.optional(),
  })
  .refine(({ says, stackHas }) => says !== undefined || stackHas !== undefined, {
    message: 'needs "says" or "stackHas"',
  });

/**
 * One statement about the guest that must be shown true, or the run is void.
 * `read`, `output` and `everyVcpu` are checked before firing; `interrupts` compares a row of /proc/interrupts, summed
 * over CPUs: with `withinMs` it must rise within that time before firing, without, until after the watch. `panic` is
 * shown true by the kernel's own report on the console, after the fact.
 */
const Proof = z.union([
  ...GuestFactSchema.options,
  z.strictObject({
    interrupts: z.strictObject({
      /** A row's number or name, or the device that has it. */
      row: z.string().regex(/^\w[\w.:-]{0,63}$/, 'must be a row or device of /proc/interrupts'),
      risesBy: z.number().int().min(1),
      withinMs: z.number().int().min(100).max(120_000).optional(),
    }),
  }),
  z.strictObject({ panic: PanicReport }),
  /** A pin of the IO-APIC. */
  z.strictObject({ pin: PinNameSchema, is: PinConditionsSchema }),
  /** The local APIC of a vCPU, which runs meanwhile. */
  z.strictObject({ cpu: z.number().int().min(0).max(63), lapic: LocalApicConditionsSchema }),
  /** EFER.SVME or CR4.VMXE of every vCPU. */
  z.strictObject({ everyVcpu: CpuFlags }),
]);

const timerName = z.string().regex(/^[\w.-]{1,64}$/, 'must be a name as sysfs gives it');

/**
 * One statement about the capture kernel, as it reports of itself. It can be shown true only there: a capture kernel
 * that reports otherwise makes the run void, one that never reports has its own verdict (docs/verdicts.md).
 */
const CaptureProof = z.union([
  /** Its current clocksource is one of these. */
  z.strictObject({ clocksource: z.array(timerName).min(1).max(8) }),
  /** The clock event device of its boot CPU is one of these. */
  z.strictObject({ clockevent: z.array(timerName).min(1).max(8) }),
  /** A row of its /proc/interrupts, summed over its CPUs, is at least so much. */
  z.strictObject({
    interrupts: z.strictObject({
      row: z.string().regex(/^[A-Z0-9]{1,8}$/),
      atLeast: z.number().int().min(1),
    }),
  }),
]);

/** Name of a machine profile (scenarios/machines/), or its path. */
const profileName = z.string().min(1).max(256);

const sizeText = z.string().regex(CRASHKERNEL, 'must be a size such as 192M');
const { cpus, memoryMiB } = GUEST_LIMITS;

export const ScenarioSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().regex(NAME, 'must be lower-case letters, digits and dashes'),
  summary: z.string().min(1).max(160),
  /** Commits, threads or measurements that say why this scenario matters. */
  evidence: z.array(z.string().min(1)).default([]),
  guest: z
    .strictObject({
      /** The machine to run on, or several: then the scenario runs once on each. */
      profile: z.union([profileName, z.array(profileName).min(1).max(64)]).optional(),
      cpus: z.number().int().min(cpus.least).max(cpus.most).optional(),
      memoryMiB: z.number().int().min(memoryMiB.least).max(memoryMiB.most).optional(),
      crashkernel: sizeText.optional(),
      append: z.string().max(1024).optional(),
      captureAppend: z.string().max(1024).optional(),
      modules: z.array(z.string().regex(/^[\w-]{1,64}$/)).optional(),
      /** A network card; its kernel modules are loaded by themselves. */
      nic: NicSchema.optional(),
    })
    .default({}),
  /** `loaded`: the crash kernel is armed and that is proved; `absent`: nothing is loaded, and that is proved. */
  crashKernel: z.enum(['loaded', 'absent']).default('loaded'),
  prepare: z.array(Prepare).max(32).default([]),
  /** Interrupts from outside the guest, from before the proofs until the run ends. */
  sources: z.array(SourceSchema).max(8).default([]),
  prove: z.array(Proof).max(32).default([]),
  proveCapture: z.array(CaptureProof).max(32).default([]),
  trigger: TriggerSchema,
  /** What the capture kernel is asked to do besides reading the crashed memory. */
  capture: z
    .strictObject({
      /** `nic`: drive the network card and count its interrupts; a card that stays silent degrades the capture. */
      exercise: z.literal('nic'),
    })
    .optional(),
  /** How long the guest is watched for signs of a panic before it is asked whether it is still alive. */
  watchMs: z.number().int().min(500).max(600_000).optional(),
  expect: z.strictObject({
    verdict: z.enum(VERDICT_WORDS),
    quality: z.enum(['clean', 'degraded']).optional(),
    /** The verdict's detail: a capture kernel that panics for another reason than the one meant is unexpected. */
    detail: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,63}$/, 'must be a detail of docs/verdicts.md')
      .optional(),
  }),
});

export type Scenario = z.infer<typeof ScenarioSchema>;
export type Preparation = z.infer<typeof Prepare>;
export type Proof = z.infer<typeof Proof>;
export type CaptureProof = z.infer<typeof CaptureProof>;
