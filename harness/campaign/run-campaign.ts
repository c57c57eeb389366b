import { rename } from 'node:fs/promises';
import type { RunEvent } from '../model/event.js';
import { Fault } from '../model/fault.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { openQemu } from '../machine/qemu/open.js';
import { executeRun } from '../run/execute-run.js';
import type { MachineOpener } from '../run/machine-opener.js';
import { CloneFailed, type Start } from '../run/template.js';
import { appendResult } from '../store/campaign-directory.js';
import { createRunDirectory } from '../store/run-directory.js';
import { storeFault } from '../store/store-fault.js';
import { plannedKernels } from './planned-kernels.js';
import { returns, type Seat } from './seats.js';
import type { Slot, Slots } from './slots.js';
import { everyRunBoots, type Templates } from './templates.js';

/** Options of {@link runCampaign}. */
export interface CampaignOptions {
  /** How many guests run at a time on this host, without {@link seats}; with {@link slots} the most. */
  readonly jobs: number;
  /** Lets guests start on this host, without {@link seats}, as it has room; absent: `jobs` at a time. */
  readonly slots?: Slots | undefined;
  /** The hosts that run the guests; this one when absent. */
  readonly seats?: readonly Seat[] | undefined;
  /** A host is lost and gets no more runs. */
  readonly onHostOut?: ((seat: Seat) => void) | undefined;
  /** Starts the machines on this host, without {@link seats}; QEMU when absent. */
  readonly open?: MachineOpener | undefined;
  /**
   * See `ExecuteOptions.cacheDir`; mandatory, since a campaign without it is only slower, which is easy to overlook.
   */
  readonly cacheDir: string | undefined;
  /** Stops the campaign: running guests are recorded as interrupted, the others are not begun. */
  readonly signal?: AbortSignal | undefined;
  /** Asked before each run; false: it and those after it are not begun, and those under way go on. */
  readonly mayBegin?: (() => boolean) | undefined;
  /** Asked for each run right before it would begin; true: it is not begun. */
  readonly isNeedless?: ((plan: RunPlan) => boolean) | undefined;
  /** How runs begin; absent: each boots. The caller closes them. */
  readonly templates?: Templates | undefined;
  /** A guest starts; again, when it was to be a clone and could not begin as one. */
  readonly onStart?: ((plan: RunPlan, start: Start) => void) | undefined;
  readonly onEvent?: ((plan: RunPlan, event: RunEvent) => void) | undefined;
  readonly onResult?: ((result: RunResult, plan: RunPlan) => void) | undefined;
}

/** All hosts of a campaign are lost. What was run is recorded; `--resume` runs the rest. */
export class NoHostLeft extends Fault {
  constructor(left: number) {
    const runs = left === 0 ? 'its last runs are lost' : `${left} of its runs were not begun`;
    super('harness', `cannot continue the campaign: no host can be reached, and ${runs}; --resume runs them`);
    this.name = 'NoHostLeft';
  }
}

/** As {@link carryOut}; returns the results in the order in which they ended. */
export async function runCampaign(
  directory: string,
  plans: readonly RunPlan[],
  options: CampaignOptions,
): Promise<RunResult[]> {
  const results: RunResult[] = [];
  await carryOut(directory, plans, {
    ...options,
    onResult: (result, plan) => {
      results.push(result);
      options.onResult?.(result, plan);
    },
  });
  return results;
}

/**
 * Runs plans in their order, as many at a time as the seats have room for, and keeps nothing of a run that has ended: a
 * result is what `onResult` is given. A recording that cannot be written (full disk) stops the campaign: its fault is
 * thrown when the runs under way have ended. A host that is lost and does not return gets no more runs; throws
 * {@link NoHostLeft} when none is left.
 */
export async function carryOut(
  directory: string,
  plans: readonly RunPlan[],
  options: CampaignOptions,
): Promise<void> {
  const stop = new AbortController();
  const signals = options.signal === undefined ? [stop.signal] : [stop.signal, options.signal];
  const signal = AbortSignal.any(signals);
  const seats = options.seats ?? [
    { name: undefined, jobs: options.jobs, slots: options.slots, open: options.open ?? openQemu },
  ];
  const left = plans.toReversed();
  const out = new Set<Seat>();
  let fault: unknown;
  const { templates = everyRunBoots('no-clone') } = options;
  const requirePlannedKernel = plannedKernels();
  const next = (): RunPlan | undefined => {
    if (options.mayBegin?.() === false) return undefined;
    while (left.length > 0) {
      const plan = left.at(-1);
      if (plan === undefined || options.isNeedless?.(plan) !== true) return plan;
      left.pop();
    }
    return undefined;
  };
  interface Place {
    readonly seat: Seat;
    readonly slot: Slot | undefined;
  }
  const execute = async (plan: RunPlan, place: Place, start: Start): Promise<RunResult> => {
    options.onStart?.(plan, start);
    const runDirectory = await createRunDirectory(directory, plan);
    try {
      return await executeRun(plan, runDirectory, {
        open: place.seat.open,
        start,
        signal,
        cacheDir: options.cacheDir,
        onEvent: (event) => {
          place.slot?.note(event);
          options.onEvent?.(plan, event);
        },
      });
    } catch (error) {
      if (!(error instanceof CloneFailed)) throw error;
      const kept = templates.failed(plan, error.why);
      await rename(runDirectory, kept).catch((cause: unknown) => {
        throw storeFault('keep a recording as', kept, cause);
      });
      return await execute(plan, place, { booted: 'clone-failed', saw: error.why });
    }
  };
  const runOne = async (plan: RunPlan, place: Place): Promise<RunResult | undefined> => {
    try {
      await requirePlannedKernel(plan);
      const start = await templates.of(plan, place.seat);
      const result = await execute(plan, place, start);
      await appendResult(directory, result);
      options.onResult?.(result, plan);
      return result;
    } catch (error) {
      fault ??= error;
      stop.abort('a failure of the harness in another run');
      return undefined;
    } finally {
      place.slot?.release();
      templates.done(plan);
    }
  };
  const work = async (seat: Seat) => {
    while (!signal.aborted && !out.has(seat)) {
      const due = next();
      if (due === undefined) return;
      const slot = await seat.slots?.take(due, signal);
      // While this one waited, the others may have begun all there was.
      const plan = next();
      if (plan === undefined || signal.aborted) {
        slot?.release();
        return;
      }
      left.pop();
      const result = await runOne(seat.planOf?.(plan) ?? plan, { seat, slot });
      if (result?.detail !== 'host-lost' || out.has(seat) || (await returns(seat, { signal }))) continue;
      if (signal.aborted || out.has(seat)) return;
      out.add(seat);
      options.onHostOut?.(seat);
    }
  };
  await Promise.all(
    seats.flatMap((seat) => Array.from({ length: Math.min(seat.jobs, plans.length) }, () => work(seat))),
  );
  if (fault !== undefined) throw fault;
  if (out.size === seats.length && !signal.aborted) throw new NoHostLeft(left.length);
}
