import { classify } from '../classify/classify.js';
import { resultOf } from '../classify/result.js';
import { type Clock, HOST_CLOCK } from '../machine/clock.js';
import { faultFact } from '../machine/fault-fact.js';
import { type Machine, type MachineLog, MissingAbility } from '../machine/machine.js';
import type { RunEvent } from '../model/event.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { openRecorder } from '../store/recorder.js';
import { saveOutcome } from '../store/run-directory.js';
import { crashGuest } from './crash-guest.js';
import { liveGuest } from './live-guest.js';
import { prepareGuest } from './prepare-guest.js';
import { RunEnded, RunWatch } from './run-watch.js';
import { SourceBank } from './source-bank.js';
import { need } from '../machine/machine.js';

/** Starts the machine that a plan asks for; see `OpenMachine`. */
export type MachineOpener = (
  plan: RunPlan,
  place: { readonly directory: string; readonly log: MachineLog },
) => Promise<Machine>;

/** Options of {@link executeRun}. */
export interface ExecuteOptions {
  readonly open: MachineOpener;
  /** Stops the run: it is recorded as interrupted and the machine is closed. */
  readonly signal?: AbortSignal | undefined;
  /** Every event as it is read, for progress. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
  /** Where a kernel's symbols are kept between runs; absent: read in each run. */
  readonly cacheDir?: string | undefined;
  /** The time that is recorded and that deadlines follow; the host's own when absent. */
  readonly clock?: Clock | undefined;
}

/**
 * Executes one planned run in its directory (which holds the plan already): boots, crashes, records, judges, saves the
 * timeline and the verdict. Whatever happens, the machine is closed. Throws a harness fault only when the recording
 * itself cannot be written; everything else is a verdict.
 */
export async function executeRun(
  plan: RunPlan,
  directory: string,
  { open, signal, onEvent, cacheDir, clock = HOST_CLOCK }: ExecuteOptions,
): Promise<RunResult> {
  const { limits } = plan;
  const recorder = openRecorder(directory, clock);
  const watch = new RunWatch(recorder, { limits, onEvent, clock });
  const interrupt = () => {
    watch.fact({ fact: 'interrupted', by: String(signal?.reason ?? 'a signal') });
  };
  signal?.addEventListener('abort', interrupt);
  if (signal?.aborted === true) interrupt();
  const cancel = clock.after(limits.totalMs, () => {
    watch.fact({ fact: 'deadline', what: 'the whole run', limitMs: limits.totalMs });
    watch.end('the whole run did not end in time');
  });
  try {
    await runGuest(plan, { directory, watch, cacheDir, open });
  } finally {
    cancel();
    signal?.removeEventListener('abort', interrupt);
    watch.fact({ fact: 'ended', why: watch.ended ?? 'unknown' });
    watch.finish();
    recorder.close();
  }
  if (watch.fault !== undefined) throw watch.fault;
  const result = resultOf(classify(watch.events, plan), plan, { events: watch.events, directory });
  await saveOutcome(directory, { events: watch.events, result });
  return result;
}

/** What ended a run before its script came to its end: its own end, an ability that is missing, or a failure. */
function recordFailure(error: unknown, watch: RunWatch): void {
  if (error instanceof RunEnded) return;
  if (watch.ended === undefined && error instanceof MissingAbility) {
    watch.fact({ fact: 'proof', what: error.what, proved: false, saw: error.saw });
    watch.end(`not proved: ${error.what}`);
  }
  if (watch.ended === undefined) watch.fact(faultFact(error));
  watch.end('the harness failed');
}

async function runGuest(
  plan: RunPlan,
  {
    directory,
    watch,
    cacheDir,
    open,
  }: { directory: string; watch: RunWatch; cacheDir: string | undefined; open: MachineOpener },
): Promise<void> {
  const undo: (() => Promise<void>)[] = [];
  try {
    if (watch.ended !== undefined) throw new RunEnded(watch.ended);
    const machine = await open(plan, { directory, log: watch });
    undo.push(() => machine.close());
    const sources = new SourceBank();
    undo.push(() => sources.stop());
    const guest = liveGuest(plan, watch, { machine, sources, cacheDir });
    const openProofs = await prepareGuest(guest);
    undo.push(need(machine, 'monitor').startSampling());
    await crashGuest(guest, openProofs);
    watch.end('the script came to its end');
  } catch (error) {
    recordFailure(error, watch);
  } finally {
    for (const step of undo.toReversed()) {
      try {
        await step();
      } catch (error) {
        watch.fact(faultFact(error));
      }
    }
  }
}
