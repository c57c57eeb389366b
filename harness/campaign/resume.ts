import { isCutOff, type RunResult } from '../model/result.js';
import { renamedPlan } from '../plan/make-plan.js';
import type { RunPlan } from '../plan/run-plan.js';

/** A run of a campaign that was begun. */
export interface BegunRun {
  /** Name of its directory; the plan in it may be missing. */
  readonly runId: string;
  readonly result: Pick<RunResult, 'detail'> | undefined;
}

/**
 * The plans that still have to run: those never begun unchanged, those that were cut off under a new name (`<run>.2`,
 * `<run>.3`, ...) with a fresh nonce, so that their recordings are kept. Pure; `freshNonce` is the caller's source of
 * nonces.
 */
export function remainingPlans(
  plans: readonly RunPlan[],
  begun: readonly BegunRun[],
  freshNonce: () => string,
): RunPlan[] {
  const attemptsOf = attemptsByPlan(begun);
  return plans.flatMap((plan) => {
    const attempts = attemptsOf(plan);
    if (attempts.some(({ result }) => result !== undefined && !isCutOff(result))) return [];
    if (attempts.length === 0) return [plan];
    const numbers = attempts.map(({ runId }) => Number(runId.slice(plan.runId.length + 1) || 1));
    return [renamedPlan(plan, { runId: `${plan.runId}.${Math.max(...numbers) + 1}`, nonce: freshNonce() })];
  });
}

/**
 * The runs that were begun for a plan: its own, and those that repeat it under a new name. One pass over all runs; each
 * question then takes the time of its answer. Pure.
 */
export function attemptsByPlan<Run extends { readonly runId: string }>(
  begun: readonly Run[],
): (plan: RunPlan) => readonly Run[] {
  const byName = new Map<string, Run[]>();
  for (const run of begun) {
    // A run that is named like an attempt of another is both.
    for (const name of new Set([run.runId, run.runId.replace(/\.\d+$/, '')])) {
      const named = byName.get(name);
      if (named === undefined) byName.set(name, [run]);
      else named.push(run);
    }
  }
  return ({ runId }) => byName.get(runId) ?? [];
}

/**
 * The plan of a run on another host, out of that host's plans of the campaign; a run that is repeated keeps its new name and
 * nonce. Throws an Error when the host has none. Pure.
 */
export function planOnHost(plan: RunPlan, hostPlans: readonly RunPlan[]): RunPlan {
  const planned = hostPlans.find(({ runId }) => runId === plan.runId || isAttemptOf(plan.runId, runId));
  if (planned === undefined) throw new Error(`run ${plan.runId} is not planned for this host`);
  return planned.runId === plan.runId ? planned : renamedPlan(planned, plan);
}

function isAttemptOf(runId: string, original: string): boolean {
  return runId.startsWith(`${original}.`) && /^\d+$/.test(runId.slice(original.length + 1));
}
