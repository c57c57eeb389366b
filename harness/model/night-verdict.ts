import { z } from 'zod';
import { TALLY_SHAPE } from './tally-shape.js';

/**
 * `verdicts.json`, which lies in a night's directory when the night has ended: what the night says of each cell. The
 * night judges; reports, formats and the history read it and never compute a second opinion.
 */

/** Version of {@link NightVerdictsSchema}. */
export const NIGHT_SCHEMA = 1;

/** What a night says of a cell, worst first. */
export const NIGHT_WORDS = ['regressed', 'suspect', 'cannot-tell', 'fixed', 'unchanged'] as const;

const count = z.number().int().nonnegative();
const rate = z.number().min(0).max(1);
/** ISO 8601 in UTC, as `Date.toISOString()` writes it. */
const time = z.iso.datetime();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** One sentence for people, without its full stop. */
const sentence = z.string().min(1).max(2000);
const name = z.string().min(1).max(300);

/** A cell: a scenario (of a file with members: the member's whole name) on a kernel, and on a machine if its row names one. */
const cellNames = {
  scenario: name,
  /** Name of the column in the campaign. */
  kernel: name,
  machine: name.optional(),
} as const;

/** How often something failed. */
const TallySchema = z.strictObject(TALLY_SHAPE);

const KernelSchema = z.strictObject({
  /** Name of the column in the campaign. */
  name,
  /** What was asked for: `debian:6.12`, a path, `git:...`. */
  spec: z.string().min(1).max(4096),
  release: name,
  sha256,
  /** Of a kernel that a git tree was built from: the commit, hexadecimal. */
  commit: z
    .string()
    .regex(/^[0-9a-f]{7,64}$/)
    .optional(),
});

/** A baseline that a cell was compared with. */
const BaselineSchema = z.strictObject({
  /** `pinned`: the kernel that the file names; `last-good`: the newest night in which the cell was good. */
  kind: z.enum(['pinned', 'last-good']),
  kernel: KernelSchema,
  /** The night whose runs are counted; absent when they were run this night. */
  night: name.optional(),
  tally: TallySchema,
  /** Fisher's exact test, two-sided, corrected for all comparisons of the night; null when nothing was judged. */
  pValue: rate.nullable(),
  /** What the comparison shows, in words. */
  conclusion: sentence,
});

const CellVerdictSchema = z.strictObject({
  ...cellNames,
  /** Members and axes of the scenario, by name, where it has some. */
  axes: z.record(name, z.string().max(300)).optional(),
  word: z.enum(NIGHT_WORDS),
  /** Why that word, in words. */
  why: sentence,
  tally: TallySchema,
  /** Verdict names (`captured`, `captured (degraded)`, `crash-path-hang`) with counts. */
  verdicts: z.record(name, count),
  /** The least corrected p value of its baselines; null when none could be compared. */
  pValue: rate.nullable(),
  baselines: z.array(BaselineSchema).max(16),
  /** One command line of a POSIX shell that runs the cell again. */
  reproduce: z.string().min(1).max(20_000),
  /**
   * Directories of its runs of this night, below the night's directory (`campaign/001-...`); never absolute and never
   * with `..`.
   */
  runs: z.array(
    z
      .string()
      .min(1)
      .max(1000)
      .refine((path) => !path.startsWith('/') && !path.split('/').includes('..'), 'must be below the night'),
  ),
});

const ControlSchema = z.strictObject({
  ...cellNames,
  /** What must happen, in words: `must hang`, `must capture`, `must not crash`. */
  what: sentence,
  held: z.boolean(),
  /** What happened, in words. */
  why: sentence,
  verdicts: z.record(name, count),
  reproduce: z.string().min(1).max(20_000),
  runs: CellVerdictSchema.shape.runs,
});

export const NightVerdictsSchema = z.strictObject({
  schema: z.literal(NIGHT_SCHEMA),
  kind: z.literal('night'),
  /** Name of the night's directory, sortable: `2026-11-27T013000Z`. */
  night: name,
  startedAt: time,
  endedAt: time,
  /** Whether the budget ended the night before all that was planned had run. */
  outOfBudget: z.boolean(),
  /** A control failed: nothing that the night says of a cell can be trusted. Reports say so before anything else. */
  blind: z.boolean(),
  /** Why it is blind; only then. */
  blindBecause: z.array(sentence),
  /** The kernels under test; those of baselines are with the baselines. */
  kernels: z.array(KernelSchema),
  controls: z.array(ControlSchema),
  cells: z.array(CellVerdictSchema),
  /** With which `crashpath nightly` ended, before its hooks. */
  exitCode: z.number().int().min(0).max(255).optional(),
  /** What the night could not do and went on without: a source that vanished, a kernel that did not build. */
  faults: z.array(sentence),
});

export type NightWord = (typeof NIGHT_WORDS)[number];
export type NightTally = z.infer<typeof TallySchema>;
export type NightKernel = z.infer<typeof KernelSchema>;
export type NightBaseline = z.infer<typeof BaselineSchema>;
export type NightCell = z.infer<typeof CellVerdictSchema>;
export type NightControl = z.infer<typeof ControlSchema>;
export type NightVerdicts = z.infer<typeof NightVerdictsSchema>;
