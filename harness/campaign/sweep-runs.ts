import { labelInName } from '../plan/make-plan.js';
import type { RunPlan } from '../plan/run-plan.js';
import { isCutOff, type RunResult } from '../model/result.js';
import type { Scenario } from '../plan/scenario.js';
import { readRuns } from '../store/campaign-directory.js';
import { resetKind } from '../machine/qemu/reset-kind.js';
import type { MapHead } from '../sweep/map.js';
import { outcomeOf, type PointOutcome } from '../sweep/outcome.js';
import { derivePlan } from './derive-plan.js';
import { type CampaignOptions, runCampaign } from './run-campaign.js';

/** A point, or the trace, is tried this often before it counts as unknown. */
export const TRIES = 2;

/** One kernel to sweep: `arm`, a letter, separates its runs from those of others in the same campaign. */
export interface SweepArm {
  readonly arm: string;
  /** A plan for this kernel whose QEMU can inject NMIs. */
  readonly template: RunPlan;
}

/** What a map says of its guest. */
export function guestOfMap({
  kernel,
  captureKernel,
  machine,
  accel,
}: RunPlan): Pick<MapHead, 'kernel' | 'cpus' | 'accel'> {
  return {
    kernel: { spec: kernel.spec, release: kernel.release, captureRelease: captureKernel.release },
    cpus: machine.cpus,
    accel: accel.unproved === undefined ? accel.accel : `${accel.accel}, not proved`,
  };
}

/** Options of a sweep's runs. */
export interface SweepRunOptions extends CampaignOptions {
  readonly freshNonce: () => string;
  /** So many runs are known to be left; `more`: others may follow them. */
  readonly onAhead?: ((ahead: { readonly left: number; readonly more: boolean }) => void) | undefined;
}

/** The runs of one arm: those that the campaign's directory has already, and new ones. */
export class SweepRuns {
  readonly #directory: string;
  readonly #target: SweepArm;
  readonly #results: RunResult[] = [];
  /** Names of directories in use: a run that was cut off has one, but no result. */
  readonly #taken = new Set<string>();

  private constructor(directory: string, target: SweepArm) {
    this.#directory = directory;
    this.#target = target;
  }

  /** Reads the runs in the campaign's directory. */
  static async read(directory: string, target: SweepArm): Promise<SweepRuns> {
    const runs = new SweepRuns(directory, target);
    for (const { runId, result } of await readRuns(directory)) {
      if (!runId.startsWith(`${target.arm}-`)) continue;
      runs.#taken.add(runId);
      if (result !== undefined) runs.#results.push(result);
    }
    return runs;
  }

  /** Number of runs with a result. */
  get count(): number {
    return this.#finished().length;
  }

  /** The latest result of a scenario. */
  lastOf(name: string): RunResult | undefined {
    return this.#finished().findLast(({ scenario }) => scenario === name);
  }

  triesOf(name: string): number {
    return this.#finished().filter(({ scenario }) => scenario === name).length;
  }

  /** Runs scenarios, each in a directory of its own. */
  async run(scenarios: readonly Scenario[], options: SweepRunOptions): Promise<void> {
    const { arm, template } = this.#target;
    const plans = scenarios.map((scenario) => {
      const label = labelInName(template.kernel.label);
      const variant = template.variant === undefined ? '' : `${template.variant}-`;
      const first = `${arm}-${variant}${scenario.name.replace(/^(?:nmi-transition|crash-locks)-/, '')}-${label}`;
      let runId = first;
      for (let attempt = 2; this.#taken.has(runId); attempt += 1) runId = `${first}.${attempt}`;
      this.#taken.add(runId);
      return derivePlan(template, { scenario, runId, nonce: options.freshNonce() });
    });
    this.#results.push(...(await runCampaign(this.#directory, plans, options)));
  }

  /**
   * The outcome of each point that was tried, without those that are to be tried once more. `keyOf` gives the point of a
   * scenario by its name; undefined for any other scenario.
   */
  async outcomes<Key>(keyOf: (scenario: string) => Key | undefined): Promise<ReadonlyMap<Key, PointOutcome>> {
    const outcomes = new Map<Key, PointOutcome>();
    for (const result of this.#finished()) {
      const key = keyOf(result.scenario);
      if (key === undefined) continue;
      const before = outcomes.get(key);
      // Of two tries, the conclusive one counts.
      if (before !== undefined && before.end !== 'unknown') continue;
      const outcome = outcomeOf(result, await resetKind(result.directory, result.accel));
      if (outcome.end !== 'unknown' || this.triesOf(result.scenario) >= TRIES) outcomes.set(key, outcome);
    }
    return outcomes;
  }

  /** A run that the user interrupted does not count as a try. */
  #finished(): readonly RunResult[] {
    return this.#results.filter((result) => !isCutOff(result));
  }
}
