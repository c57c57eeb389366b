import { basename } from 'node:path';
import { runCampaign } from '../campaign/run-campaign.js';
import type { Templates } from '../campaign/templates.js';
import { buildKernel, KernelDoesNotBuild } from '../kernel/index.js';
import { Fault } from '../model/fault.js';
import { isCutOff, type RunResult } from '../model/result.js';
import { renamedPlan } from '../plan/make-plan.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Scenario } from '../plan/scenario.js';
import type { PrepareOptions } from '../prepare/options.js';
import { freshNonce, type GuestsChoices, planRuns } from '../prepare/plan-runs.js';
import { readRuns } from '../store/campaign-directory.js';

/** The kernel of a commit. */
export interface Built {
  /** Its spec. */
  readonly kernel: string;
  /** It was in the cache. */
  readonly reused: boolean;
}

/** What a bisection needs beside git: kernels of commits, and trials on them. */
export interface Bench {
  /** How many trials run at the same time. */
  readonly jobs: number;
  /** Throws {@link KernelDoesNotBuild} when the commit gives no kernel that can run the scenario. */
  build(commit: string): Promise<Built>;
  /** Runs so many further trials of a commit; each is stored as it ends. Trials that were cut off are left out. */
  run(commit: string, built: Built, trials: number): Promise<RunResult[]>;
  /** The stored results of a commit, oldest first, without those that were cut off. */
  results(commit: string): Promise<RunResult[]>;
}

/** What the trials of all commits have in common. */
export interface Trials extends GuestsChoices {
  readonly scenario: Scenario;
  readonly captureKernel?: string | undefined;
  readonly append?: string | undefined;
  readonly captureAppend?: string | undefined;
}

export interface BenchOptions extends PrepareOptions {
  readonly tree: string;
  /** Path of a configuration fragment. */
  readonly config: string | undefined;
  /** Compiler processes; one per CPU when absent. */
  readonly buildJobs?: number | undefined;
  readonly jobs: (plan: RunPlan) => number;
  readonly signal: AbortSignal;
  /** How trials begin. */
  readonly templates: Templates;
  readonly onResult?: ((result: RunResult, plan: RunPlan) => void) | undefined;
}

/** The first digits of a commit, by which its runs are named. */
export function shortName(commit: string): string {
  return commit.slice(0, 12);
}

/** Builds commits of a git tree, and runs their trials in the directory of a campaign. */
export class RealBench implements Bench {
  readonly #directory: string;
  readonly #trials: Trials;
  readonly #options: BenchOptions;
  /** A plan for each kernel, by its spec. */
  readonly #templates = new Map<string, RunPlan>();

  constructor(directory: string, trials: Trials, options: BenchOptions) {
    this.#directory = directory;
    this.#trials = trials;
    this.#options = options;
  }

  get jobs(): number {
    const [plan] = this.#templates.values();
    return plan === undefined ? 1 : this.#options.jobs(plan);
  }

  async build(commit: string): Promise<Built> {
    const { tree, config, buildJobs, signal, cacheDir, onProgress } = this.#options;
    let reused = true;
    const kernel = await buildKernel(
      {
        source: { kind: 'git', repository: tree, commit },
        variant: 'stock',
        ...(config === undefined ? {} : { configFragment: config }),
      },
      {
        ...{ cacheDir, onProgress, signal, jobs: buildJobs },
        onBuild: () => {
          reused = false;
        },
      },
    );
    const built = { kernel: kernel.spec, reused };
    try {
      await this.planFor(built);
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== 'usage' || error instanceof KernelDoesNotBuild)
        throw error;
      // The same words mean other kernels that can be used, so this is about the commit.
      throw new KernelDoesNotBuild(error.message, error);
    }
    return built;
  }

  async run(commit: string, built: Built, trials: number): Promise<RunResult[]> {
    const template = await this.planFor(built);
    const prefix = shortName(commit);
    const taken = (await readRuns(this.#directory)).filter(({ runId }) => runId.startsWith(`${prefix}-`));
    const plans = Array.from({ length: trials }, (_, index) => {
      const trial = taken.length + index + 1;
      const runId = `${prefix}-${String(trial).padStart(3, '0')}`;
      return { ...renamedPlan(template, { runId, nonce: freshNonce() }), trial };
    });
    const { signal, cacheDir, templates, onResult } = this.#options;
    const jobs = this.jobs;
    const results = await runCampaign(this.#directory, plans, {
      jobs,
      cacheDir,
      signal,
      templates,
      onResult,
    });
    return results.filter((result) => !isCutOff(result));
  }

  async results(commit: string): Promise<RunResult[]> {
    const runs = await readRuns(this.#directory);
    return runs
      .filter(({ runId }) => runId.startsWith(`${shortName(commit)}-`))
      .flatMap(({ result }) => (result === undefined || isCutOff(result) ? [] : [result]));
  }

  /** A plan for this kernel, which writes nothing; the plans of its trials differ in name and nonce. */
  async planFor({ kernel }: Built): Promise<RunPlan> {
    const known = this.#templates.get(kernel);
    if (known !== undefined) return known;
    const { scenario, ...choices } = this.#trials;
    const [plan, ...others] = await planRuns(
      { ...choices, scenario: [scenario], kernel: [kernel] },
      { ...this.#options, hosts: undefined, campaign: basename(this.#directory) },
    );
    if (plan === undefined || others.length > 0) {
      throw new Error(`scenario ${scenario.name} gives ${others.length + 1} runs on a kernel`);
    }
    this.#templates.set(kernel, plan);
    return plan;
  }
}
