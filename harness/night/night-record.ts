import { z } from 'zod';
import { NIGHT_SCHEMA } from '../model/night-verdict.js';
import { RunPlanSchema } from '../plan/run-plan.js';

const id = z.string().regex(/^[a-z]\d{2,5}$/);
const name = z.string().min(1).max(300);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const KernelSchema = z.strictObject({
  /** The column. */
  name,
  /** As the file names it. */
  spec: z.string().min(1).max(4096),
  /** A spec that means these bytes in later nights as well: `debian:6.1` may be another kernel then. */
  place: z.string().min(1).max(4096),
  release: name,
  sha256,
  commit: z.string().optional(),
});

/** One kernel in one scenario on one machine: trials that differ only in their number. */
const ArmSchema = z.strictObject({
  id,
  /** Of everything that decides its runs. */
  key: sha256,
  kernel: KernelSchema,
  /** What every run of it is made of. */
  plan: RunPlanSchema,
  /** The same for each host that the file names. */
  hosts: z.array(z.strictObject({ name, plan: RunPlanSchema })).max(64),
  /** Trials of the screening this night. */
  trials: z.number().int().nonnegative(),
  /** Instead of them: the counts of a former night. */
  recorded: z
    .strictObject({
      night: name,
      captured: z.number(),
      hung: z.number(),
      other: z.number(),
      void: z.number(),
      harnessErrors: z.number(),
    })
    .optional(),
  reproduce: z.string().min(1).max(20_000),
});

/** What a candidate is compared with: a pinned kernel, the last good night's, or the one that regressed last. */
export const COMPARISON_KINDS = ['pinned', 'last-good', 'regressed'] as const;

const ComparisonSchema = z.strictObject({
  id,
  kind: z.enum(COMPARISON_KINDS),
  candidate: id,
  baseline: id,
  /** For `last-good` and `regressed`: the night. */
  night: name.optional(),
});

const CellSchema = z.strictObject({
  arm: id,
  scenario: name,
  /** The column. */
  kernel: name,
  machine: name.optional(),
  /** The source in the file; the cell's name over nights. */
  source: name,
  comparisons: z.array(ComparisonSchema).max(16),
  /** It has a baseline that cannot be used, and no other: its kernel is gone. */
  baselineLost: z.literal(true).optional(),
  /** The first of the nights that found it regressed, when the last that decided did. */
  regressedSince: name.optional(),
});

export const CONTROL_KINDS = ['mustHang', 'mustCapture', 'mustNotCrash'] as const;
export type ControlKind = (typeof CONTROL_KINDS)[number];

/**
 * `night.json`: all that decides a night, written before anything runs, so that it can be continued. Later changes of the
 * file count for the next night.
 */
export const NightRecordSchema = z.strictObject({
  schema: z.literal(NIGHT_SCHEMA),
  kind: z.literal('night-plan'),
  night: name,
  /** The file's `name`: nights of one name are compared. */
  name,
  startedAt: z.iso.datetime(),
  budgetMs: z.number().positive(),
  confirm: z.number().int(),
  repeat: z.number().int(),
  jobs: z.number().int().optional(),
  hosts: z.array(z.string()).max(64),
  kernels: z.array(KernelSchema),
  arms: z.array(ArmSchema),
  cells: z.array(CellSchema),
  controls: z.array(z.strictObject({ kind: z.enum(CONTROL_KINDS), arm: id })),
  /** What the night goes on without, known before anything ran. */
  faults: z.array(z.string()),
  /** What the next night will try again: it is no fault. */
  deferred: z.array(z.string()),
});

export type NightRecord = z.infer<typeof NightRecordSchema>;
export type NightArm = NightRecord['arms'][number];
export type PlannedCell = NightRecord['cells'][number];
export type PlannedComparison = PlannedCell['comparisons'][number];
export type ComparisonKind = (typeof COMPARISON_KINDS)[number];
export type RecordedKernel = NightRecord['kernels'][number];
