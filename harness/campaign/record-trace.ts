import type { RunResult } from '../model/result.js';
import { VERDICTS } from '../model/verdict.js';
import type { Scenario } from '../plan/scenario.js';
import { rejudge } from '../store/rejudge.js';
import {
  callsThatChangeTheIdt,
  isCompleteTrace,
  type TracePoint,
  tracePoints,
} from '../sweep/instruction-trace.js';
import type { Control } from '../sweep/map.js';
import { traceScenario } from '../sweep/script.js';
import { type SweepRunOptions, type SweepRuns, TRIES } from './sweep-runs.js';

/** Depth of nested calls: the trace is recorded once more for each level; deeper calls stay stepped over. */
const ROUNDS = 6;

/** A complete instruction trace, and the verdict of the guest from which it was recorded. */
export interface RecordedTrace {
  readonly trace: readonly TracePoint[];
  readonly control: Control;
}

/**
 * Records the instruction trace in rounds, until no stepped-over call changes the IDT; each round traces into the calls
 * that did in the round before. When a later round fails, the trace of the round before it counts. Undefined when there
 * is none, or the sweep was stopped.
 */
export async function recordTrace(
  runs: SweepRuns,
  options: SweepRunOptions,
): Promise<RecordedTrace | undefined> {
  let recorded = await recordOnce(runs, options, traceScenario());
  const from: string[] = [];
  for (let round = 2; recorded !== undefined && round <= ROUNDS; round += 1) {
    const more = callsThatChangeTheIdt(recorded.trace).filter((call) => !from.includes(call));
    if (more.length === 0) break;
    from.push(...more);
    const again = await recordOnce(runs, options, traceScenario(round, from));
    if (again === undefined) return options.signal?.aborted === true ? undefined : recorded;
    recorded = again;
  }
  return recorded;
}

async function recordOnce(
  runs: SweepRuns,
  options: SweepRunOptions,
  scenario: Scenario,
): Promise<RecordedTrace | undefined> {
  const { name } = scenario;
  for (;;) {
    const result = runs.lastOf(name);
    if (result !== undefined && !isInconclusive(result)) {
      const { events } = await rejudge(result.directory);
      const armed = events.findLast((event) => event.type === 'armed');
      const traced = events.flatMap((event) =>
        event.type === 'host' && event.fact.fact === 'traced' ? event.fact.instructions : [],
      );
      const trace = tracePoints(traced, armed?.armed);
      // A guest that ran to its end during a stepped-over call was captured, but its trace is not complete.
      if (isCompleteTrace(trace)) return { trace, control: { verdict: result.verdict, runId: result.runId } };
    }
    if (runs.triesOf(name) >= TRIES || options.signal?.aborted === true) return undefined;
    await runs.run([scenario], options);
  }
}

/** Whether a run shows nothing about the kernel. */
export function isInconclusive({ verdict }: RunResult): boolean {
  return VERDICTS[verdict].end === 'unknown';
}
