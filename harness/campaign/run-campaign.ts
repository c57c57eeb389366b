import PQueue from 'p-queue';
import type { RunEvent } from '../model/event.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { openQemu } from '../machine/qemu/open.js';
import { executeRun, type MachineOpener } from '../run/execute-run.js';
import { appendResult } from '../store/campaign-directory.js';
import { createRunDirectory } from '../store/run-directory.js';

/** Options of {@link runCampaign}. */
export interface CampaignOptions {
  /** How many guests run at a time. */
  readonly jobs: number;
  /** Starts the machines; QEMU when absent. */
  readonly open?: MachineOpener | undefined;
  /**
   * See `ExecuteOptions.cacheDir`; mandatory, since a campaign without it is only slower, which is easy to overlook.
   */
  readonly cacheDir: string | undefined;
  /** Stops the campaign: running guests are recorded as interrupted, the others are not begun. */
  readonly signal?: AbortSignal | undefined;
  readonly onStart?: ((plan: RunPlan) => void) | undefined;
  readonly onEvent?: ((plan: RunPlan, event: RunEvent) => void) | undefined;
  readonly onResult?: ((result: RunResult, plan: RunPlan) => void) | undefined;
}

/**
 * Runs plans in their order, `jobs` at a time, and returns the results in the order in which they ended. A recording
 * that cannot be written (full disk) stops the campaign: its fault is thrown when the runs under way have ended.
 */
export async function runCampaign(
  directory: string,
  plans: readonly RunPlan[],
  options: CampaignOptions,
): Promise<RunResult[]> {
  const results: RunResult[] = [];
  const queue = new PQueue({ concurrency: options.jobs });
  const stop = new AbortController();
  const signals = options.signal === undefined ? [stop.signal] : [stop.signal, options.signal];
  const signal = AbortSignal.any(signals);
  let fault: unknown;
  const runOne = async (plan: RunPlan) => {
    if (signal.aborted) return;
    try {
      options.onStart?.(plan);
      const result = await executeRun(plan, await createRunDirectory(directory, plan), {
        open: options.open ?? openQemu,
        signal,
        cacheDir: options.cacheDir,
        onEvent: (event) => options.onEvent?.(plan, event),
      });
      results.push(result);
      await appendResult(directory, result);
      options.onResult?.(result, plan);
    } catch (error) {
      fault ??= error;
      stop.abort('a failure of the harness in another run');
    }
  };
  await queue.addAll(plans.map((plan) => () => runOne(plan)));
  if (fault !== undefined) throw fault;
  return results;
}
