import { PHASES, type Phase, type PhaseReached } from '../model/phase.js';
import type { RunResult } from '../model/result.js';
import { templateOf } from '../model/start.js';

/** The three parts of a run: the first kernel up to firing, the crash path, the capture kernel. */
export type RunPart = 'first' | 'crash' | 'capture';

const PART_OF: Readonly<Record<Phase, RunPart>> = {
  boot: 'first',
  armed: 'first',
  'state-proved': 'first',
  fired: 'first',
  'panic-entered': 'crash',
  'cpus-shot-down': 'crash',
  'irqchips-quiesced': 'crash',
  'kexec-jump': 'crash',
  purgatory: 'crash',
  'capture-banner': 'capture',
  'capture-userspace': 'capture',
  'vmcore-verified': 'capture',
};

interface RungIdentity {
  readonly phase: Phase;
  readonly part: RunPart;
}

/** A rung that the run reached. */
export interface ReachedRung extends RungIdentity {
  readonly status: PhaseReached['how'];
  /** Milliseconds since the run began. */
  readonly atMs: number;
  /**
   * Milliseconds since the reached rung below, or since the run began for the lowest. Negative when the recording has
   * the two out of order (console and samples have different latencies).
   */
  readonly sincePreviousMs: number;
}

/** One of the twelve rungs. */
export type Rung = ReachedRung | (RungIdentity & { readonly status: 'not-reached' });

/** A segment of a bar: the time up to a rung, or after the last rung. Never negative. */
export type Segment =
  | { readonly kind: 'climb'; readonly rung: ReachedRung; readonly lengthMs: number; readonly share: number }
  | { readonly kind: 'tail'; readonly lengthMs: number; readonly share: number };

/** A run's ladder, laid out for drawing. */
export interface PhaseLadder {
  /** All twelve rungs, lowest first. */
  readonly rungs: readonly Rung[];
  /**
   * One segment for each reached rung, then the tail when the run continued after its last rung. `share` is the part of
   * the bar, 0 to 1; the shares sum to 1, or are all 0 when no time passed.
   */
  readonly segments: readonly Segment[];
  /** Highest reached rung. */
  readonly last: ReachedRung | undefined;
  /** The run's end, in the time of the rungs, milliseconds. */
  readonly endMs: number;
  /** Milliseconds from the last rung to the run's end, at least 0. */
  readonly tailMs: number;
}

/** The rungs of a run, when each was reached, and how long it took. Pure; tolerates equal and decreasing times. */
export function phaseLadder(result: Pick<RunResult, 'phases' | 'durationMs' | 'clone'>): PhaseLadder {
  const reached = new Map<Phase, PhaseReached>();
  for (const phase of result.phases) {
    if (!reached.has(phase.phase)) reached.set(phase.phase, phase);
  }
  let previousMs = 0;
  let last: ReachedRung | undefined;
  const rungs = PHASES.map((phase): Rung => {
    const identity = { phase, part: PART_OF[phase] };
    const found = reached.get(phase);
    if (found === undefined) return { ...identity, status: 'not-reached' };
    const sincePreviousMs = found.atMs - previousMs;
    previousMs = found.atMs;
    last = { ...identity, status: found.how, atMs: found.atMs, sincePreviousMs };
    return last;
  });
  const endMs = result.durationMs + (templateOf(result)?.tookMs ?? 0);
  const tailMs = Math.max(0, endMs - previousMs);
  return { rungs, segments: segmentsOf(rungs, tailMs), last, endMs, tailMs };
}

/** A rung that was seen before the one below it has no length, and the next one counts from the latest time so far. */
function segmentsOf(rungs: readonly Rung[], tailMs: number): readonly Segment[] {
  let frontMs = 0;
  const climbs = rungs.flatMap((rung) => {
    if (rung.status === 'not-reached') return [];
    const lengthMs = Math.max(0, rung.atMs - frontMs);
    frontMs = Math.max(frontMs, rung.atMs);
    return [{ kind: 'climb' as const, rung, lengthMs }];
  });
  const stretches = tailMs > 0 ? [...climbs, { kind: 'tail' as const, lengthMs: tailMs }] : climbs;
  const totalMs = stretches.reduce((sum, { lengthMs }) => sum + lengthMs, 0);
  return stretches.map((stretch) => ({ ...stretch, share: totalMs > 0 ? stretch.lengthMs / totalMs : 0 }));
}
