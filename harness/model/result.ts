import { z } from 'zod';
import { HOW_REACHED, PHASES } from './phase.js';
import { STORE_SCHEMA, SymbolFileSchema } from './record.js';
import { StartSchema } from './start.js';
import { VERDICT_WORDS } from './verdict.js';

const PhaseReachedSchema = z.object({
  phase: z.enum(PHASES),
  atMs: z.number(),
  how: z.enum(HOW_REACHED),
});

const EvidenceSchema = z.object({
  source: z.enum(['console', 'control', 'qmp', 'samples', 'host']),
  offset: z.number().int().optional(),
  length: z.number().int().optional(),
  line: z.number().int().optional(),
  atMs: z.number(),
  what: z.string(),
  excerpt: z.string(),
});

/**
 * One run's result: what `--json` prints, one object a line, and what `verdict.json` holds. Names are stable within a
 * schema version. Times are milliseconds since the run began.
 */
export const RunResultSchema = z.object({
  schema: z.literal(STORE_SCHEMA),
  runId: z.string(),
  campaign: z.string(),
  scenario: z.string(),
  trial: z.number().int(),
  kernel: z.string(),
  kernelSha256: z.string(),
  captureKernel: z.string(),
  captureKernelSha256: z.string(),
  accel: z.enum(['kvm', 'tcg']),
  /** Why KVM, which was insisted on, was not proved on the host; absent when it was, and with TCG. */
  accelUnproved: z.string().optional(),
  /** How the crash kernel is loaded; absent where none is, and in results of older versions: `kexec_load`. */
  loadSyscall: z.enum(['kexec_load', 'kexec_file_load']).optional(),
  /** Which kernels were repacked, so that they decompress fast; absent: none. */
  repacked: z.enum(['first', 'capture', 'both']).optional(),
  /** The host that ran it, as the caller named it; absent for this one. */
  host: z.string().optional(),
  /** Name of the machine; absent for the default one. */
  machine: z.string().optional(),
  /** The crash path of a sweep of variants, as its file names it. */
  variant: z.string().max(64).optional(),
  verdict: z.enum(VERDICT_WORDS),
  quality: z.enum(['clean', 'degraded']).optional(),
  degradedBy: z.array(z.string()),
  /** Absent in results of older versions. */
  undecided: z.array(z.string()).optional(),
  detail: z.string(),
  explanation: z.string(),
  expected: z.string(),
  outcome: z.enum(['expected', 'unexpected', 'inconclusive', 'harness-error']),
  /** Names of kernel and machine in the campaign file that asked for the run. */
  cell: z.object({ kernel: z.string(), machine: z.string().optional() }).optional(),
  /** Of a void that the campaign file explains: its reason. The outcome stays `inconclusive`. */
  voidOk: z.string().optional(),
  lastPhase: z.enum(PHASES).nullable(),
  phases: z.array(PhaseReachedSchema),
  evidence: z.array(EvidenceSchema),
  /** What the guest booted; absent: crashpath's own images. */
  distribution: z.string().max(64).optional(),
  /** The dump that is kept, or why there is none; absent when none was asked for, or the run's is not kept. */
  vmcore: z
    .union([
      z.object({
        source: z.enum(['capture-kernel', 'distribution', 'outside']),
        file: z.string(),
        format: z.string(),
        bytes: z.number(),
        pages: z.number(),
        level: z.number(),
        vmcoreinfo: z.boolean(),
        why: z.string().optional(),
      }),
      z.object({ missing: z.string() }),
    ])
    .optional(),
  /** The dead guest stays up after the run, or why it does not; absent when that was not asked for. */
  guestKept: z
    .union([
      z.object({ pid: z.number(), forMinutes: z.number(), symbols: z.array(SymbolFileSchema) }),
      z.object({ missing: z.string() }),
    ])
    .optional(),
  /** The guest began as a clone of this template, or why it booted; absent: it booted, in an older recording. */
  clone: StartSchema.optional(),
  /** Of a clone: without its template's boot, which the times of phases and evidence include. */
  durationMs: z.number(),
  directory: z.string(),
});

export type RunResult = z.infer<typeof RunResultSchema>;

/**
 * Whether a run was cut off from outside, by the user or by the loss of its host: it is no trial, and a resumed campaign
 * runs it again.
 */
export function isCutOff({ detail }: Pick<RunResult, 'detail'>): boolean {
  return detail === 'interrupted' || detail === 'host-lost';
}
