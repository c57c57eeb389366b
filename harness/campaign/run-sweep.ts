import type { TracePoint } from '../sweep/instruction-trace.js';
import { mapOf, type NmiMap } from '../sweep/map.js';
import { landmarks, nextPoints } from '../sweep/next-points.js';
import type { EndWord } from '../model/verdict.js';
import { pointOf, pointScenario, traceName } from '../sweep/script.js';
import { isInconclusive, recordTrace } from './record-trace.js';
import { guestOfMap, type SweepArm, type SweepRunOptions, SweepRuns } from './sweep-runs.js';

/** Options of {@link runSweep}. */
export interface SweepOptions extends SweepRunOptions {
  /** Upper limit of the points that are probed. */
  readonly pointsMost: number;
  readonly onPlan?: ((text: string) => void) | undefined;
}

/** The result of a sweep: a map, or the reason why there is no instruction trace. */
export type Sweep =
  | { readonly kind: 'map'; readonly map: NmiMap }
  | { readonly kind: 'no-trace'; readonly why: string };

/**
 * Sweeps one kernel: records the instruction trace, then probes points of it until every change of outcome lies between
 * two instructions, or the limit of points is reached. Runs in the campaign's directory are not repeated, so that an
 * interrupted sweep continues.
 */
export async function runSweep(directory: string, target: SweepArm, options: SweepOptions): Promise<Sweep> {
  const runs = await SweepRuns.read(directory, target);
  const recorded = await recordTrace(runs, options);
  if (recorded === undefined) return { kind: 'no-trace', why: whyNoTrace(runs) };
  const { trace, control } = recorded;
  options.onPlan?.(
    `${trace.length} points; ${landmarks(trace).length} runs for the landmarks, then about ${bisectionRuns(trace)} for each change that is not at one of them`,
  );
  let complete = false;
  let outcomes = await runs.outcomes(pointOf);
  while (options.signal?.aborted !== true) {
    const known = new Map<number, EndWord>([...outcomes].map(([index, { end }]) => [index, end]));
    const open = nextPoints(trace, known);
    // A trace whose ends no run can reach has no open points either.
    complete = open.length === 0 && [0, trace.length - 1].every((end) => outcomes.has(end));
    const next = open.slice(0, Math.max(0, options.pointsMost - outcomes.size));
    if (next.length === 0) break;
    options.onAhead?.({ left: next.length, more: true });
    await runs.run(
      next.map((index) => pointScenario(trace, index)),
      options,
    );
    outcomes = await runs.outcomes(pointOf);
  }
  const map = mapOf(trace, outcomes, {
    ...guestOfMap(target.template),
    runs: runs.count,
    complete,
    control,
  });
  return { kind: 'map', map };
}

function whyNoTrace(runs: SweepRuns): string {
  const last = runs.lastOf(traceName(1));
  if (last === undefined) return 'it was stopped before the instruction trace was recorded';
  return isInconclusive(last)
    ? last.explanation
    : `the instruction trace does not reach the capture kernel's own IDT (${last.explanation})`;
}

/** Runs to bisect the longest interval between two landmarks, at worst. */
function bisectionRuns(trace: readonly TracePoint[]): number {
  const sorted = landmarks(trace).toSorted((one, other) => one - other);
  const longest = sorted.reduce(
    (most, mark, position) => Math.max(most, mark - (sorted[position - 1] ?? 0)),
    1,
  );
  return Math.ceil(Math.log2(longest));
}
