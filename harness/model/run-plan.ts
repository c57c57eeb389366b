import { z } from 'zod';
import { CellSchema } from './cell.js';
import { GuestFactSchema } from './guest-fact.js';
import { ScenarioSchema } from './scenario.js';

/** Version of everything stored in a run directory; raised when a reader of the old form would be wrong. */
export const STORE_SCHEMA = 1;

const KernelSchema = z.object({
  spec: z.string(),
  release: z.string(),
  label: z.string(),
  sha256: z.string(),
  bzImage: z.string(),
  bits: z.union([z.literal(32), z.literal(64)]).optional(),
  modulesDir: z.string().optional(),
  config: z.string().optional(),
});

/** Deadlines of one run, milliseconds. Each names what it bounds. */
export const LimitsSchema = z.object({
  /** QEMU start to QMP greeting. */
  qemuStartMs: z.number(),
  /** QEMU start to the production init's hello. */
  bootMs: z.number(),
  /** Any one control command that the guest should answer. */
  replyMs: z.number(),
  /** kexec -p, from request to answer. */
  armMs: z.number(),
  /** Firing to the first sign of a panic; then the guest is asked whether it is alive. */
  watchMs: z.number(),
  /** First sign of a panic to the first sign of the capture kernel. */
  crashPathMs: z.number(),
  /** Capture kernel's first sign to its userspace. */
  captureBootMs: z.number(),
  /** Capture userspace to the end of its report. */
  captureReportMs: z.number(),
  /** All vCPUs halted with interrupts off for this long is a proved hang. */
  haltedHangMs: z.number(),
  /** One vCPU spinning with interrupts off on a handful of instructions, the rest parked, is a proved hang. */
  spinHangMs: z.number(),
  /** The capture kernel asleep with interrupts on, at one instruction and silent, for this long is a proved hang. */
  idleHangMs: z.number().default(60_000),
  /** The whole run, whatever happens. */
  totalMs: z.number(),
  /** Bytes per channel. */
  channelBytes: z.number(),
});

export type Limits = z.infer<typeof LimitsSchema>;

/** Everything that decides a run, fixed before it starts. */
export const RunPlanSchema = z.object({
  schema: z.literal(STORE_SCHEMA),
  campaign: z.string(),
  /** Directory name inside the campaign. */
  runId: z.string(),
  trial: z.number().int(),
  scenario: ScenarioSchema,
  /** Of a run that a campaign file asked for; its expectation goes over the scenario's. */
  cell: CellSchema.optional(),
  kernel: KernelSchema,
  captureKernel: KernelSchema,
  accel: z.object({ accel: z.enum(['kvm', 'tcg']), reason: z.string() }),
  machine: z.object({
    type: z.string(),
    cpuModel: z.string(),
    cpus: z.number().int(),
    memoryMiB: z.number().int(),
    /** What the machine is called in tables; absent for the default one. */
    name: z.string().optional(),
    /** What its profile claims: the guest must confirm it, or the run is void. */
    prove: z.array(GuestFactSchema).optional(),
  }),
  append: z.string(),
  captureAppend: z.string(),
  modules: z.array(z.string()),
  /** Host name of the crashed guest, read back out of its memory by the capture kernel. */
  nonce: z.string(),
  limits: LimitsSchema,
  /** By how much the caller stretched the deadlines; the limits have it already, the steps' own do not. */
  timeoutScale: z.number().default(1),
  qemu: z.object({ binary: z.string(), version: z.string(), args: z.array(z.string()) }),
});

export type RunPlan = z.infer<typeof RunPlanSchema>;
