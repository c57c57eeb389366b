import { z } from 'zod';
import { STORE_SCHEMA } from '../model/record.js';
import { LOAD_SYSCALLS, REPACKS, VMCORE_READS } from '../plan/guest-defaults.js';
import { ScenarioSchema } from '../plan/scenario.js';

const ObjectName = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/);

/** A commit, as far as it is shown. Its texts come from the tree: they are one bounded line without control characters. */
export const CommitSchema = z.object({
  commit: ObjectName,
  parents: z.array(ObjectName).max(256),
  subject: z.string().max(300),
  author: z.string().max(300),
  /** ISO 8601, by the author. */
  date: z.string().max(40),
});
export type Commit = z.infer<typeof CommitSchema>;

const CountsSchema = z.object({
  bad: z.number().int(),
  good: z.number().int(),
  undecided: z.number().int(),
  harnessErrors: z.number().int(),
  why: z.array(z.string()).readonly(),
});

/** A commit that was begun. */
export const TriedSchema = z.object({
  commit: CommitSchema,
  /** Absent until it is built. */
  build: z
    .object({
      /** By the host's clock, with the checkout. */
      seconds: z.number(),
      /** The kernel was in the cache. */
      reused: z.boolean(),
      /** Spec of the kernel. */
      kernel: z.string(),
    })
    .optional(),
  /** Trials without a bad outcome after which it counts as good; absent at the ends. */
  goods: z.number().int().optional(),
  /** Time that its trials took on this host, seconds, and how many were run in that time. */
  ran: z.object({ seconds: z.number(), trials: z.number().int() }),
  counts: CountsSchema.optional(),
  /** Absent while it is under way. */
  verdict: z.enum(['good', 'bad', 'skip']).optional(),
  /** Why it was skipped. */
  why: z.string().optional(),
});
export type Tried = z.infer<typeof TriedSchema>;

/** Choices for all guests, as they were given; an absent one is the scenario's, the profile's or the default. */
export const GuestsSchema = z.object({
  captureKernel: z.string().optional(),
  append: z.string().optional(),
  captureAppend: z.string().optional(),
  captureCmdline: z.string().optional(),
  loadSyscall: z.enum(LOAD_SYSCALLS).optional(),
  crashkernel: z.string().optional(),
  cpus: z.number().int().optional(),
  /** MiB. */
  memory: z.number().int().optional(),
  machineProfile: z.array(z.string()).optional(),
  machine: z.string().optional(),
  cpuModel: z.string().optional(),
  accel: z.enum(['kvm', 'kvm-unproved', 'tcg']).optional(),
  repack: z.enum(REPACKS).optional(),
  vmcore: z.enum(VMCORE_READS).optional(),
  timeoutScale: z.number().optional(),
});
export type Guests = z.infer<typeof GuestsSchema>;

/** What the user asked for: everything that decides a bisection. */
export const AskedSchema = z.object({
  /** Absolute path of the git tree. */
  tree: z.string(),
  good: ObjectName,
  bad: ObjectName,
  firstParent: z.boolean(),
  /** As it was named, and as it was read at the start. */
  scenarioNamed: z.string(),
  scenario: ScenarioSchema,
  /** Of the configuration fragment; absent for none. */
  configSha256: z.string().optional(),
  /** Trials of each end without a difference after which the bisection is refused. */
  patience: z.number().int(),
  guests: GuestsSchema,
});
export type Asked = z.infer<typeof AskedSchema>;

const EndSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('found'), commit: CommitSchema }),
  /** Only skipped commits are left; the first bad commit is one of these. */
  z.object({ kind: z.literal('candidates'), commits: z.array(CommitSchema), more: z.number().int() }),
  /** The good commit is no ancestor, and the merge base shows the bad outcome: it was fixed on the way to the good one. */
  z.object({ kind: z.literal('fixed-between'), commit: CommitSchema }),
  /** The ends show no difference. */
  z.object({ kind: z.literal('refused'), why: z.string() }),
]);
export type End = z.infer<typeof EndSchema>;

/** A bisection, as bisect.json holds it: written before and after each step. */
export const BisectionSchema = z.object({
  schema: z.literal(STORE_SCHEMA),
  name: z.string(),
  /** ISO 8601, by the host's clock. */
  createdAt: z.string(),
  asked: AskedSchema,
  /** Commits of which one is the first bad one. */
  commits: z.number().int(),
  /** The two ends. */
  good: TriedSchema,
  bad: TriedSchema,
  /** Present when the controls are done. */
  controls: z
    .object({
      signature: z.object({ bad: z.array(z.string()).readonly(), good: z.array(z.string()).readonly() }),
      measured: z.object({ bad: z.number().int(), judged: z.number().int() }),
    })
    .optional(),
  steps: z.array(TriedSchema),
  end: EndSchema.optional(),
});
export type Bisection = z.infer<typeof BisectionSchema>;

/** A commit before it is tried. */
export function untried(commit: Commit): Tried {
  return { commit, ran: { seconds: 0, trials: 0 } };
}

/** Mean seconds of a build that was made and of a trial; undefined without any. */
export function measuredTimes({ good, bad, steps }: Bisection): {
  readonly build: number | undefined;
  readonly trial: number | undefined;
} {
  const all = [good, bad, ...steps];
  // The first build of a tree compiles everything, the others what differs.
  const builds = all.flatMap(({ build }) => (build === undefined || build.reused ? [] : [build.seconds]));
  const later = builds.length > 1 ? builds.toSorted((a, b) => a - b).slice(0, -1) : builds;
  const ran = all.reduce(
    (sum, { ran: { seconds, trials } }) => ({ seconds: sum.seconds + seconds, trials: sum.trials + trials }),
    { seconds: 0, trials: 0 },
  );
  return {
    build: later.length === 0 ? undefined : later.reduce((sum, one) => sum + one, 0) / later.length,
    trial: ran.trials === 0 ? undefined : ran.seconds / ran.trials,
  };
}
