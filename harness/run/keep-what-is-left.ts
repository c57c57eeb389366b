import { Fault } from '../model/fault.js';
import type { RunEvent } from '../model/event.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Guest } from './guest.js';
import { leaveGuestUp } from './keep-guest.js';
import { keepVmcore } from './keep-vmcore.js';
import type { KnownSymbols } from './known-symbols.js';

/** Facts of these kinds mean that there is no machine any more, or that it is to be given up at once. */
const GONE: ReadonlySet<string> = new Set(['qemu-exit', 'interrupted', 'host-lost']);

/** A run at its end, with its machine still there. */
export interface EndedRun {
  readonly guest: Guest;
  readonly directory: string;
  readonly cacheDir: string | undefined;
  readonly known: KnownSymbols;
  /** What the run shows so far. */
  readonly judge: () => Pick<RunResult, 'verdict' | 'outcome'>;
}

/** Keeps of a run's guest what its plan asks for, and records what, or why not. */
export async function keepWhatIsLeft(
  { guest, directory, cacheDir, known, judge }: EndedRun,
  {
    keepVmcore: vmcore,
    keepFailed,
    machine: { memoryMiB },
  }: Pick<RunPlan, 'keepVmcore' | 'keepFailed' | 'machine'>,
): Promise<void> {
  if (vmcore === undefined && keepFailed === undefined) return;
  const { machine, watch } = guest;
  const { verdict, outcome } = judge();
  const captured = verdict === 'captured';
  const failed = !captured || outcome !== 'expected';
  const gone = watch.events.find((event) => event.type === 'host' && GONE.has(event.fact.fact));
  const { dump, memory } = machine.abilities;
  if (vmcore !== undefined && dump === undefined)
    watch.fact({ fact: 'vmcore-not-kept', why: `${machine.name} dumps no memory` });
  if (vmcore !== undefined && dump !== undefined) {
    const wanted = failed || vmcore.of === 'all';
    const run = {
      directory,
      events: watch.events,
      memoryMiB,
      captured,
      wanted: wanted && gone === undefined,
    };
    const fact = await keepVmcore({ dump, memory }, run);
    if (fact !== undefined) watch.fact(fact);
    else if (wanted) watch.fact({ fact: 'vmcore-not-kept', why: `the machine is gone: ${nameOf(gone)}` });
  }
  if (keepFailed === undefined || !failed) return;
  if (gone !== undefined) {
    watch.fact({ fact: 'guest-not-kept', why: `the machine is gone: ${nameOf(gone)}` });
    return;
  }
  try {
    watch.fact(await leaveGuestUp(guest, { directory, cacheDir, known, memoryMiB, ...keepFailed }));
  } catch (error) {
    // The guest ends with its run then, as without the option.
    if (!(error instanceof Fault)) throw error;
    watch.fact({ fact: 'guest-not-kept', why: error.message });
  }
}

function nameOf(event: RunEvent | undefined): string {
  return event?.type === 'host' ? event.fact.fact : 'unknown';
}
