import { join } from 'node:path';
import { remainingPlans } from '../campaign/resume.js';
import { isCutOff, type RunResult } from '../model/result.js';
import type { NightArm, NightRecord } from '../night/night-record.js';
import { renamedPlan } from '../plan/make-plan.js';
import type { RunPlan } from '../plan/run-plan.js';
import { readRuns } from '../store/campaign-directory.js';
import { CAMPAIGN } from './night-directory.js';

/** What a run is for; the first letter of its name. Names sort by that, then by trial. */
export const STAGES = { begin: 'b', confirming: 'c', end: 'e', screening: 's' } as const;
export type Stage = keyof typeof STAGES;

/** Name of a run. Its arm and trial decide it, so that a night that is continued finds the run. */
function runIdOf(arm: NightArm, { stage, trial }: { stage: Stage; trial: number }): string {
  const { plan, kernel, id } = arm;
  const words = [
    plan.scenario.name,
    kernel.name,
    ...(plan.cell?.machine === undefined ? [] : [plan.cell.machine]),
  ];
  const label = words.map((word) => word.replace(/[^\w.+@-]/g, '_').slice(0, 60)).join('-');
  return `${STAGES[stage]}${String(trial).padStart(4, '0')}-${id}-${label}`;
}

/** The plan of a trial on the host for which `template` is planned. */
function trialPlan(
  template: RunPlan,
  arm: NightArm,
  at: { stage: Stage; trial: number; nonce: string },
): RunPlan {
  return { ...renamedPlan(template, { runId: runIdOf(arm, at), nonce: at.nonce }), trial: at.trial };
}

/** All runs that are sure to be wanted: the screening and one try of each control, for `campaign.json`. */
export function sureRuns(record: NightRecord, freshNonce: () => string): RunPlan[] {
  const armOf = (id: string) => record.arms.find((arm) => arm.id === id);
  const controls = (stage: Stage) =>
    record.controls.flatMap(({ arm: id }) => {
      const arm = armOf(id);
      return arm === undefined ? [] : [trialPlan(arm.plan, arm, { stage, trial: 1, nonce: freshNonce() })];
    });
  const screening = record.arms.flatMap((arm) =>
    Array.from({ length: arm.trials }, (_, index) =>
      trialPlan(arm.plan, arm, { stage: 'screening', trial: index + 1, nonce: freshNonce() }),
    ),
  );
  return [...controls('begin'), ...screening, ...controls('end')];
}

/** The run of a plan on a host that the night names. */
export function runOnHost(plan: RunPlan, arm: NightArm | undefined, host: string): RunPlan {
  const template = arm?.hosts.find(({ name }) => name === host)?.plan;
  if (template === undefined) throw new Error(`run ${plan.runId} is not planned for ${host}`);
  return { ...renamedPlan(template, plan), trial: plan.trial };
}

/** The id of the arm in a run's name. */
export function armIn(runId: string): string {
  return runId.split('-')[1] ?? '';
}

/** A run that ended, with its directory below the night's. */
export interface EndedRun {
  readonly result: RunResult;
  readonly below: string;
}

/** The runs of a night: those that its directory has already, and new ones. */
export class NightRuns {
  readonly #directory: string;
  readonly #arms: ReadonlyMap<string, NightArm>;
  readonly #freshNonce: () => string;
  /** By the name of the run's directory; a run that was cut off has no result. */
  readonly #begun = new Map<string, RunResult | undefined>();

  private constructor(directory: string, record: NightRecord, freshNonce: () => string) {
    this.#directory = directory;
    this.#arms = new Map(record.arms.map((arm) => [arm.id, arm]));
    this.#freshNonce = freshNonce;
  }

  /** Reads the runs in the night's directory. */
  static async read(directory: string, record: NightRecord, freshNonce: () => string): Promise<NightRuns> {
    const runs = new NightRuns(directory, record, freshNonce);
    await runs.readAgain();
    return runs;
  }

  /** Looks for runs that were begun meanwhile: also those that a failure cut off. */
  async readAgain(): Promise<void> {
    for (const { runId, result } of await readRuns(join(this.#directory, CAMPAIGN)))
      this.#begun.set(runId, result);
  }

  /** Plans of trials of an arm; those that ended are left out, those that were cut off get another name. */
  due(armId: string, stage: Stage, trials: readonly number[]): RunPlan[] {
    const arm = this.arm(armId);
    const plans = trials.map((trial) =>
      trialPlan(arm.plan, arm, { stage, trial, nonce: this.#freshNonce() }),
    );
    const begun = [...this.#begun].map(([runId, result]) => ({ runId, result }));
    return remainingPlans(plans, begun, this.#freshNonce);
  }

  arm(id: string): NightArm {
    const arm = this.#arms.get(id);
    if (arm === undefined) throw new Error(`the night has no arm ${id}`);
    return arm;
  }

  /** The same run on a host that the night names. */
  onHost(plan: RunPlan, host: string): RunPlan {
    return runOnHost(plan, this.arm(armIn(plan.runId)), host);
  }

  add(result: RunResult): void {
    this.#begun.set(result.runId, result);
  }

  /** The ended runs of an arm in a stage, by trial. */
  ended(armId: string, stage: Stage): EndedRun[] {
    return this.all().filter(
      ({ result }) => result.runId.startsWith(STAGES[stage]) && armIn(result.runId) === armId,
    );
  }

  /** Whether a run of an arm was begun. */
  begun(armId: string): boolean {
    return [...this.#begun.keys()].some((runId) => armIn(runId) === armId);
  }

  /** All runs that ended, in the order of their names. */
  all(): EndedRun[] {
    return [...this.#begun]
      .flatMap(([runId, result]) =>
        result === undefined || isCutOff(result) ? [] : [{ result, below: `${CAMPAIGN}/${runId}` }],
      )
      .sort((a, b) => (a.below < b.below ? -1 : 1));
  }
}
