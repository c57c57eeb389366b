import type { Letter } from './contenders.js';
import type { LoopCosts } from './loop-phases.js';
import type { RecordedCosts } from './phases.js';
import type { ProcessMemory, ProcessTimes } from './usage.js';

/** Memory of a run's QEMU; null where it was not read in time. */
export interface GuestMemory {
  /** When the guest is armed, right before it fires. */
  readonly armed: ProcessMemory | null;
  /** When the capture kernel has reported. */
  readonly captured: ProcessMemory | null;
}

/** A run of crashpath, as the bench saw it from outside. Times are milliseconds of the bench's clock. */
export interface SeenRun {
  readonly runId: string;
  readonly beganMs: number;
  readonly endedMs: number;
  /** CPU times of crashpath's process at both. */
  readonly atBegin: ProcessTimes;
  readonly atEnd: ProcessTimes;
  readonly isClone: boolean;
  /** Of its template, with its boot; null unless it is a clone. */
  readonly templateMs: number | null;
  readonly isExpected: boolean;
  /** `captured/vmcore`, for a message about one that is not expected. */
  readonly verdict: string;
  readonly costs: RecordedCosts;
  readonly memory: GuestMemory;
}

/** A cycle of the shell loop. */
export interface SeenCycle {
  readonly costs: LoopCosts;
  /** CPU time of QEMU. */
  readonly guestMs: number;
  readonly memory: GuestMemory;
}

/** A turn of a contender. CPU times are milliseconds. */
export interface TakenTurn {
  readonly letter: Letter;
  readonly round: number;
  /** From the start of its process to its end. */
  readonly wallMs: number;
  /** CPU time of the process, and of all that it started. */
  readonly cpuMs: number;
  /** Of that, of crashpath's node process alone; null for the shell loop. */
  readonly nodeMs: number | null;
  /** Peak of crashpath's memory. */
  readonly peakKiB: number | null;
  readonly runs: readonly SeenRun[];
  readonly cycle: SeenCycle | null;
  /** Why the turn does not count: what ended otherwise than it should. Absent: it counts. */
  readonly failed?: string | undefined;
}

/** What one capture cost; milliseconds. */
export interface CaptureCost {
  /** Of the slot that it took. */
  readonly wallMs: number;
  readonly guestMs: number;
  readonly harnessMs: number;
}

/** What each capture of a turn cost; of a campaign of clones, a clone. Undefined for a turn without one. Pure. */
export function captureCost(turn: TakenTurn): CaptureCost | undefined {
  if (turn.cycle !== null) {
    const { guestMs } = turn.cycle;
    return { wallMs: turn.wallMs, guestMs, harnessMs: turn.cpuMs - guestMs };
  }
  const clones = cloneCosts(turn.runs);
  if (turn.letter === 'c' || turn.letter === 'd') return clones.length === 0 ? undefined : meanCost(clones);
  if (turn.nodeMs === null) return undefined;
  return { wallMs: turn.wallMs, guestMs: turn.cpuMs - turn.nodeMs, harnessMs: turn.nodeMs };
}

/**
 * What each clone of a campaign cost, in the order of their ends. A child's time is its parent's when it is reaped, which
 * is before its run's end; so what was added since the end before is the QEMU of the run that ended. The time before the
 * first clone began is nobody's: the template's. With several slots node's time goes to the run that ends next. Pure.
 */
export function cloneCosts(runs: readonly SeenRun[]): CaptureCost[] {
  const ordered = runs.toSorted((a, b) => a.endedMs - b.endedMs);
  const firstClone = runs.filter(({ isClone }) => isClone).toSorted((a, b) => a.beganMs - b.beganMs)[0];
  const costs: CaptureCost[] = [];
  for (const [index, run] of ordered.entries()) {
    const before = ordered[index - 1];
    if (!run.isClone || firstClone === undefined) continue;
    const since =
      before === undefined || before.endedMs < firstClone.beganMs ? firstClone.atBegin : before.atEnd;
    costs.push({
      wallMs: run.endedMs - run.beganMs,
      guestMs: run.atEnd.childrenMs - since.childrenMs,
      harnessMs: run.atEnd.ownMs - since.ownMs,
    });
  }
  return costs;
}

function meanCost(costs: readonly CaptureCost[]): CaptureCost {
  const mean = (of: (cost: CaptureCost) => number) =>
    costs.reduce((sum, cost) => sum + of(cost), 0) / costs.length;
  return {
    wallMs: mean(({ wallMs }) => wallMs),
    guestMs: mean(({ guestMs }) => guestMs),
    harnessMs: mean(({ harnessMs }) => harnessMs),
  };
}
