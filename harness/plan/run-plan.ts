import { z } from 'zod';
import { CellSchema } from '../model/cell.js';
import { DistributionSchema } from '../model/distribution.js';
import { LimitsSchema } from '../model/limits.js';
import { STORE_SCHEMA } from '../model/record.js';
import { VERDICT_WORDS } from '../model/verdict.js';
import { KEEP_VMCORE, LOAD_SYSCALLS } from './guest-defaults.js';
import { HardwareSchema } from './hardware.js';
import { MachineClaimSchema } from '../proof/proofs.js';
import { ScenarioSchema } from './scenario.js';

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

/** The bzImage that is started in place of the kernel's own: the same kernel in a payload that decompresses fast. */
const RepackedSchema = z.object({
  bzImage: z.string(),
  sha256: z.string(),
  bytes: z.number().int(),
  compression: z.literal('xz'),
  /** Of the kernel in both payloads. */
  vmlinuxSha256: z.string(),
});

/** Everything that decides a run, fixed before it starts. */
export const RunPlanSchema = z.object({
  schema: z.literal(STORE_SCHEMA),
  campaign: z.string(),
  /** Directory name inside the campaign. */
  runId: z.string(),
  trial: z.number().int(),
  scenario: ScenarioSchema,
  /** The cell of a campaign file's run; its expectation overrides the scenario's. */
  cell: CellSchema.optional(),
  /** The crash path of a sweep of variants, as its file names it. */
  variant: z.string().max(64).optional(),
  kernel: KernelSchema,
  captureKernel: KernelSchema,
  /** The kernels that `--repack` replaced; absent: none. */
  repacked: z.object({ first: RepackedSchema.optional(), capture: RepackedSchema.optional() }).optional(),
  /** The guest is this distribution; absent: crashpath's own images. */
  distribution: DistributionSchema.optional(),
  /** The host that runs it, as the caller named it; absent for this one. */
  host: z.string().max(300).optional(),
  accel: z.object({
    accel: z.enum(['kvm', 'tcg']),
    reason: z.string(),
    /** Why KVM, which was insisted on, is not proved on this host. */
    unproved: z.string().optional(),
  }),
  machine: z.object({
    type: z.string(),
    cpuModel: z.string(),
    cpus: z.number().int(),
    memoryMiB: z.number().int(),
    /** Parts beside the machine type; absent for none. */
    hardware: HardwareSchema.optional(),
    /** The machine's name in tables; absent for the default one. */
    name: z.string().optional(),
    /** Its profile's claims: the guest must confirm them, or the run is void. */
    prove: z.array(MachineClaimSchema).optional(),
  }),
  append: z.string(),
  captureAppend: z.string(),
  /** How the crash kernel is loaded. */
  loadSyscall: z.enum(LOAD_SYSCALLS).default(LOAD_SYSCALLS[0]),
  modules: z.array(z.string()),
  /** Host name of the crashed guest, read back out of its memory by the capture kernel. */
  nonce: z.string(),
  limits: LimitsSchema,
  /** The caller's factor for the deadlines; the limits include it, the steps' own deadlines do not. */
  timeoutScale: z.number().default(1),
  /** A dump of the crashed memory is kept; absent: none is. */
  keepVmcore: z
    .object({
      of: z.enum(KEEP_VMCORE),
      /** MiB of the disk on which the capture kernel writes it; absent: the machine has no such disk. */
      diskMiB: z.number().int().optional(),
    })
    .optional(),
  /** The dead guest stays up after a failed run; absent: it does not. */
  keepFailed: z
    .object({
      /** Guests that may be up at a time on this host. */
      most: z.number().int(),
      minutes: z.number().int(),
      /** Verdicts of the runs whose guests stay up; absent: of those that failed. */
      verdicts: z.array(z.enum(VERDICT_WORDS)).optional(),
    })
    .optional(),
  qemu: z.object({
    binary: z.string(),
    version: z.string(),
    args: z.array(z.string()),
    /** The file from which the run's own UEFI variables are copied; absent: the machine has no UEFI. */
    uefiVariables: z.string().optional(),
  }),
});

export type RunPlan = z.infer<typeof RunPlanSchema>;
