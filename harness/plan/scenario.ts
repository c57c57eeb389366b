import { z } from 'zod';
import { DiskSchema } from '../model/disk.js';
import { NicSchema } from '../model/nic.js';
import { PluggedMemorySchema } from '../model/plugged-memory.js';
import { VERDICT_WORDS } from '../model/verdict.js';
import { guestPath } from '../proof/names.js';
import { CaptureProofSchema, ScenarioProofSchema } from '../proof/proofs.js';
import { TriggerSchema } from '../trigger/triggers.js';
import { mistakeInCrashkernel } from './crashkernel.js';
import { GUEST_LIMITS, LOAD_SYSCALLS, VMCORE_READS } from './guest-defaults.js';
import { SourceSchema } from './source.js';

/** Names become directory names, hence the restricted form. */
export const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

const EARLY = [
  z.strictObject({ write: z.strictObject({ path: guestPath, value: z.string().max(1024) }) }),
  z.strictObject({ script: z.string().min(1).max(4096) }),
  /** So many vCPUs are plugged, and brought online. */
  z.strictObject({ plugCpus: z.number().int().min(1).max(GUEST_LIMITS.cpus.most) }),
  /** Memory is plugged, and brought online. */
  z.strictObject({ plugMemory: PluggedMemorySchema }),
] as const;

/** One preparation of the guest, before the crash kernel is loaded. */
const EarlyPreparation = z.union(EARLY);

/** One preparation of the guest, before anything is proved. */
const Prepare = z.union([
  ...EARLY,
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

/** Name of a machine profile (scenarios/machines/), or its path. */
const profileName = z.string().min(1).max(256);

const reservation = z
  .string()
  .max(256)
  .superRefine((value, context) => {
    const mistake = mistakeInCrashkernel(value);
    if (mistake !== undefined) {
      const message = `must be a size such as 192M, or another form of crashkernel=: ${mistake}`;
      context.addIssue({ code: 'custom', message });
    }
  });
const { cpus, memoryMiB } = GUEST_LIMITS;

export const ScenarioSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().regex(NAME, 'must be lower-case letters, digits and dashes'),
  summary: z.string().min(1).max(160),
  /** Commits, threads or measurements that show why this scenario matters. */
  evidence: z.array(z.string().min(1)).default([]),
  guest: z
    .strictObject({
      /** The machine to run on, or several: then the scenario runs once on each. */
      profile: z.union([profileName, z.array(profileName).min(1).max(64)]).optional(),
      cpus: z.number().int().min(cpus.least).max(cpus.most).optional(),
      memoryMiB: z.number().int().min(memoryMiB.least).max(memoryMiB.most).optional(),
      crashkernel: reservation.optional(),
      append: z.string().max(1024).optional(),
      captureAppend: z.string().max(1024).optional(),
      /** The capture kernel's command line in place of crashpath's own and a machine profile's. */
      captureCmdline: z.string().max(2048).optional(),
      /** How the crash kernel is loaded: `kexec_load` (`kexec -c`, default) or `kexec_file_load` (`kexec -s`). */
      loadSyscall: z.enum(LOAD_SYSCALLS).optional(),
      modules: z.array(z.string().regex(/^[\w-]{1,64}$/)).optional(),
      /** A network card; its kernel modules are loaded automatically. */
      nic: NicSchema.optional(),
      /** A disk; its kernel modules are loaded automatically. */
      disk: DiskSchema.optional(),
    })
    .default({}),
  /** `loaded`: a crash kernel is armed, and that is proved; `absent`: none is loaded, and that is proved. */
  crashKernel: z.enum(['loaded', 'absent']).default('loaded'),
  /** Steps before the crash kernel is loaded; those of `prepare` come after it. */
  beforeLoading: z.array(EarlyPreparation).max(32).default([]),
  prepare: z.array(Prepare).max(32).default([]),
  /** Interrupts from outside the guest, from before the proofs until the run ends. */
  sources: z.array(SourceSchema).max(8).default([]),
  prove: z.array(ScenarioProofSchema).max(32).default([]),
  proveCapture: z.array(CaptureProofSchema).max(32).default([]),
  trigger: TriggerSchema,
  /** What the capture kernel does besides reading the crashed memory. */
  capture: z
    .strictObject({
      /**
       * Drive the network card, or read the disk, and count its interrupts; a device that stays silent degrades the
       * capture.
       */
      exercise: z.enum(['nic', 'disk']),
    })
    .optional(),
  /** How much of /proc/vmcore the capture kernel reads: `whole` (default), `mapped` pages, or the run's `nonce` only. */
  vmcore: z.enum(VMCORE_READS).optional(),
  /** `never`: the scenario is about how kernels start, so that no option may repack them. */
  repack: z.literal('never').optional(),
  /** How long the guest is watched for signs of a panic before it is asked whether it is still alive. */
  watchMs: z.number().int().min(500).max(600_000).optional(),
  expect: z.strictObject({
    verdict: z.enum(VERDICT_WORDS),
    quality: z.enum(['clean', 'degraded']).optional(),
    /** The verdict's detail: for example, a capture kernel that panics for another reason is unexpected. */
    detail: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,63}$/, 'must be a detail of docs/verdicts.md')
      .optional(),
  }),
});

export type Scenario = z.infer<typeof ScenarioSchema>;
export type Preparation = z.infer<typeof Prepare>;
