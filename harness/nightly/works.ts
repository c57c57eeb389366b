import type { Kernel } from '../model/kernel.js';
import type { RunEvent } from '../model/event.js';
import type { NightVerdicts } from '../model/night-verdict.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { GuestsChoices } from '../prepare/plan-runs.js';
import type { Trial } from '../prepare/trials.js';
import type { PastRates } from '../report/page/sparkline.js';

/** A kernel that is built from git. */
export interface GitBuild {
  /** Absolute path of the work tree or repository. */
  readonly git: string;
  readonly ref: string;
  readonly variant: string;
  /** Absolute path of a configuration fragment. */
  readonly config: string | undefined;
}

/** A host of the night's guests. */
export interface NightHost {
  readonly name: string;
  /** All plans for it, one of each arm. */
  readonly plans: readonly RunPlan[];
  /** The plan of a run on it. */
  readonly planOf: (plan: RunPlan) => RunPlan;
}

/** Options of {@link NightWorks.run}. */
export interface NightRunOptions {
  readonly jobs: number | undefined;
  /** Empty: this host. */
  readonly hosts: readonly NightHost[];
  readonly signal: AbortSignal;
  /** Whether another run may begin; those under way go on. */
  readonly mayBegin: () => boolean;
  readonly onStart: (plan: RunPlan) => void;
  readonly onEvent: (plan: RunPlan, event: RunEvent) => void;
  readonly onResult: (result: RunResult, plan: RunPlan) => void;
}

/** What the page of a night shows. */
export interface NightPage {
  readonly results: readonly RunResult[];
  readonly plans: readonly RunPlan[];
  readonly night: NightVerdicts;
  /** Of the night's cells, this night included. */
  readonly history: readonly PastRates[];
}

/**
 * What a night does to the world beside its own directory: kernels, guests, time. The command gives the real ones; tests
 * give others.
 */
export interface NightWorks {
  /** Fetches or builds the kernel that a spec means. Throws as `resolveKernel` does. */
  resolve(spec: string): Promise<Kernel>;
  build(request: GitBuild): Promise<{ readonly kernel: Kernel; readonly commit: string }>;
  /** Whether a kernel's files lie where nobody changes them. */
  isKept(kernel: Kernel): boolean;
  /** Plans trials, once for each of `hosts`, for this host when there are none. */
  plan(trials: readonly Trial[], choices: GuestsChoices, hosts: readonly string[]): Promise<RunPlan[][]>;
  /** Runs plans, as `runCampaign` does. */
  run(directory: string, plans: readonly RunPlan[], options: NightRunOptions): Promise<RunResult[]>;
  /** Guests at a time on this host, when nobody says. */
  jobsFor(plans: readonly RunPlan[]): number;
  /** Writes the report page of a night into its directory. */
  report(directory: string, seen: NightPage): Promise<void>;
  freshNonce: () => string;
  /** The time of day: for names, never for measuring. */
  wallClock(): Date;
  /** Milliseconds that only go forward. */
  monotonicMs(): number;
  /** One line of progress. */
  say(line: string): void;
  /** One line that must be seen. */
  complain(line: string): void;
}
