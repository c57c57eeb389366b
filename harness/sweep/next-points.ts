import { isReachable } from './approach.js';
import { hasNmiGate, type TracePoint } from './instruction-trace.js';
import type { EndWord } from '../model/verdict.js';

/** What is known of the trace so far: the end at each probed point, by index. */
export type Known = ReadonlyMap<number, EndWord>;

/**
 * Bisection tries single instructions when fewer than this are untried between two points, else the calls among them.
 */
const FEW = 12;

/** Functions with fewer points are no landmarks: thunks and wrappers. */
const LEAST_POINTS = 8;

/**
 * The points that every sweep tries: both ends of the trace, the first instruction of every function in it that has
 * more than a few instructions, and both sides of each instruction that changes whether the IDT has a gate for the NMI.
 * The most informative ones come first.
 */
export function landmarks(trace: readonly TracePoint[]): readonly number[] {
  const last = trace.length - 1;
  const ends = last < 0 ? [] : [0, last];
  const gates = trace.flatMap((point, index) => {
    const next = trace[index + 1];
    return next !== undefined && hasNmiGate(point) !== hasNmiGate(next) ? [index, index + 1] : [];
  });
  const pointsOf = new Map<string, number[]>();
  for (const { place, group, index } of trace) {
    const key = `${place}\n${group}`;
    const points = pointsOf.get(key) ?? [];
    points.push(index);
    pointsOf.set(key, points);
  }
  const functions = [...pointsOf.values()]
    .filter((points) => points.length >= LEAST_POINTS)
    .flatMap(([first]) => first ?? []);
  return [...new Set([...ends, ...gates, ...functions])].filter((index) => isReachable(trace, index));
}

/**
 * The points to try next; none when the map is complete. First the landmarks; then, between any two neighbours that
 * ended differently, the one in the middle: a call while there are many, else any instruction. So each change of
 * outcome is narrowed down to two adjacent instructions, however many changes there are. Points that ended `unknown`,
 * and points that no run can reach, are skipped.
 */
export function nextPoints(trace: readonly TracePoint[], known: Known): readonly number[] {
  const untried = landmarks(trace).filter((index) => !known.has(index));
  if (untried.length > 0) return untried;
  return gaps(known).flatMap(([before, after]) => middleOf(trace, known, [before, after]) ?? []);
}

/** Pairs of neighbouring points that are known to end differently, in order. */
export function gaps(known: Known): readonly (readonly [before: number, after: number])[] {
  const decided = [...known.entries()]
    .filter(([, end]) => end !== 'unknown')
    .sort(([one], [other]) => one - other);
  return decided.flatMap(([index, end], position) => {
    const next = decided[position + 1];
    return next === undefined || next[1] === end ? [] : [[index, next[0]] as const];
  });
}

function middleOf(
  trace: readonly TracePoint[],
  known: Known,
  [before, after]: readonly [number, number],
): number | undefined {
  const open = trace
    .slice(before + 1, after)
    .map(({ index }) => index)
    .filter((index) => !known.has(index));
  const calls = open.filter((index) => trace[index]?.text.startsWith('call') === true);
  const candidates = open.length > FEW && calls.length > 0 ? calls : open;
  const middle = (before + after) / 2;
  return candidates
    .toSorted((one, other) => Math.abs(one - middle) - Math.abs(other - middle))
    .find((index) => isReachable(trace, index));
}
