import { basename, join } from 'node:path';
import { runCampaign } from '../campaign/run-campaign.js';
import type { Templates } from '../campaign/templates.js';
import { isCutOff } from '../model/result.js';
import { renamedPlan } from '../plan/make-plan.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Scenario } from '../plan/scenario.js';
import type { PrepareOptions } from '../prepare/options.js';
import { freshNonce, type GuestsChoices, planRuns } from '../prepare/plan-runs.js';
import type { NamedRuns } from '../prepare/trials.js';
import { readHostFacts } from '../store/read-recording.js';
import type { RunOnce } from './try-proposal.js';

/** What the runs of all variations have in common. */
export type CommonChoices = GuestsChoices & Pick<NamedRuns, 'captureKernel' | 'append' | 'captureAppend'>;

export interface BenchOptions extends PrepareOptions {
  readonly signal: AbortSignal;
  /** How runs begin. */
  readonly templates: Templates;
}

/** Runs scenarios one by one in the directory of a campaign, as `crashpath run` would; their numbers go on. */
export function benchIn(directory: string, choices: CommonChoices, options: BenchOptions): RunOnce {
  let number = 0;
  return async (scenario, spec) => {
    const plan = await planOne(scenario, spec, { choices, options, campaign: basename(directory) });
    number += 1;
    const runId = `${String(number).padStart(3, '0')}${plan.runId.slice(3)}`;
    const named = renamedPlan(plan, { runId, nonce: freshNonce() });
    const { signal, cacheDir, templates } = options;
    const [result] = await runCampaign(directory, [named], { jobs: 1, cacheDir, signal, templates });
    if (result === undefined || isCutOff(result)) return undefined;
    const steps = scenario.trigger.kind === 'choreography' ? scenario.trigger.steps : [];
    return { result, facts: await readHostFacts(join(directory, runId)), steps };
  };
}

/** The plan of a scenario on a kernel. Throws a usage fault when it cannot be planned, or gives several runs. */
export async function planOne(
  scenario: Scenario,
  spec: string,
  { choices, options, campaign }: { choices: CommonChoices; options: PrepareOptions; campaign: string },
): Promise<RunPlan> {
  const [plan, ...others] = await planRuns(
    { ...choices, scenario: [scenario], kernel: [spec] },
    { ...options, hosts: undefined, campaign },
  );
  if (plan === undefined || others.length > 0)
    throw new Error(`scenario ${scenario.name} gives ${others.length + 1} runs on a kernel`);
  return plan;
}
