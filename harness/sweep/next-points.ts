import type { EndWord } from '../model/verdict.js';
import { isReachable } from './path.js';
import { hasNmiGate, type WayPoint } from './way.js';

/** What is known of the way so far: the end at each probed point, by index. */
export type Known = ReadonlyMap<number, EndWord>;

/** Fewer untried instructions than this between two ends are halved one by one; more, by the calls among them. */
const FEW = 12;

/** Functions with fewer points on the way are no landmarks: thunks, and what only calls something else. */
const LEAST_POINTS = 8;

/**
 * The points that every sweep tries: both ends of the way, the first instruction of every function on it that is more than a few instructions, and both
 * sides of each instruction that changes whether the IDT has a gate for the NMI. The most telling first.
 */
export function landmarks(way: readonly WayPoint[]): readonly number[] {
  const last = way.length - 1;
  const ends = last < 0 ? [] : [0, last];
  const gates = way.flatMap((point, index) => {
    const next = way[index + 1];
    return next !== undefined && hasNmiGate(point) !== hasNmiGate(next) ? [index, index + 1] : [];
  });
  const pointsOf = new Map<string, number[]>();
  for (const { stage, group, index } of way) {
    const key = `${stage}\n${group}`;
    const points = pointsOf.get(key) ?? [];
    points.push(index);
    pointsOf.set(key, points);
  }
  const functions = [...pointsOf.values()]
    .filter((points) => points.length >= LEAST_POINTS)
    .flatMap(([first]) => first ?? []);
  return [...new Set([...ends, ...gates, ...functions])].filter((index) => isReachable(way, index));
}

/**
 * The points to try next; none when there is nothing left to find out. First the landmarks; then, between any two
 * neighbours that ended differently, the one in the middle: a call while there are many, else any instruction. So each
 * change of outcome is followed until it lies between two instructions, however many changes there are. What ended
 * `unknown` is passed by, and so is what no run can be brought to.
 */
export function nextPoints(way: readonly WayPoint[], known: Known): readonly number[] {
  const untried = landmarks(way).filter((index) => !known.has(index));
  if (untried.length > 0) return untried;
  return gaps(known).flatMap(([before, after]) => middleOf(way, known, [before, after]) ?? []);
}

/** Pairs of neighbouring points that are known to end differently, in order. */
export function gaps(known: Known): readonly (readonly [before: number, after: number])[] {
  const told = [...known.entries()]
    .filter(([, end]) => end !== 'unknown')
    .sort(([one], [other]) => one - other);
  return told.flatMap(([index, end], place) => {
    const next = told[place + 1];
    return next === undefined || next[1] === end ? [] : [[index, next[0]] as const];
  });
}

function middleOf(
  way: readonly WayPoint[],
  known: Known,
  [before, after]: readonly [number, number],
): number | undefined {
  const open = way
    .slice(before + 1, after)
    .map(({ index }) => index)
    .filter((index) => !known.has(index));
  const calls = open.filter((index) => way[index]?.text.startsWith('call') === true);
  const candidates = open.length > FEW && calls.length > 0 ? calls : open;
  const middle = (before + after) / 2;
  return candidates
    .toSorted((one, other) => Math.abs(one - middle) - Math.abs(other - middle))
    .find((index) => isReachable(way, index));
}
