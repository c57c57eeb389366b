import { Fault } from '../model/fault.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Guest } from './guest.js';
import { leaveGuestUp } from './keep-guest.js';
import { keepVmcore } from './keep-vmcore.js';
import type { KnownSymbols } from './known-symbols.js';
import { orNothing } from './post-mortem.js';

/** Facts of these kinds mean that there is no machine any more, or that it is to be given up at once. */
const GONE: ReadonlyMap<string, string> = new Map([
  ['qemu-exit', 'QEMU had ended'],
  ['interrupted', 'the run was interrupted'],
  ['host-lost', 'its host was lost'],
]);

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
  const stays = keepFailed !== undefined && (keepFailed.verdicts?.includes(verdict) ?? failed);
  const gone = watch.events.flatMap((event) =>
    event.type === 'host' ? (GONE.get(event.fact.fact) ?? []) : [],
  )[0];
  if ((failed || stays) && gone === undefined) await standStill(guest);
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
    else if (wanted) watch.fact({ fact: 'vmcore-not-kept', why: gone ?? 'nothing was written' });
  }
  if (!stays) return;
  if (gone !== undefined) {
    watch.fact({ fact: 'guest-not-kept', why: gone });
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

/** What is kept is the machine as the verdict found it. One that has no debugger, or does not answer, runs on. */
function standStill(guest: Guest): Promise<void> {
  return orNothing(async () => {
    await guest.settled();
    await (await guest.debugger()).interrupt();
  });
}
