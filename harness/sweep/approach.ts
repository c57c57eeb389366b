import type { WayPoint } from './instruction-trace.js';

/** A point to run to; `next`: a call that stands there is gone over, or one instruction executed. */
export interface Waypoint {
  readonly at: number;
  readonly next?: 'over' | 'step';
}

/** A choreography has 64 steps, and a few are for other things. */
const MOST_WAYPOINTS = 48;

/** Whether a run can be brought to a point: one late in a long loop has too many earlier visits to pass. */
export function isReachable(way: readonly WayPoint[], index: number): boolean {
  return pathTo(way, index).length <= MOST_WAYPOINTS;
}

/**
 * Points to run to one after the other, so that the last one is met at its turn on the way and not earlier, and soon:
 * the first of each stage; both sides of every call that takes long, since no breakpoint further on may slow it down;
 * and a point behind every earlier visit to the same address. A function is entered from the instruction before it: it
 * may have been called before inside of what was gone over, where nobody saw it (a return thunk). The first point is
 * where the vCPU stands.
 */
export function pathTo(way: readonly WayPoint[], index: number): readonly Waypoint[] {
  const path: Waypoint[] = [];
  let stands = 0;
  const go = (to: number, next?: 'over' | 'step') => {
    const waypoint = next === undefined ? { at: to } : { at: to, next };
    // Where it stands already, nothing need be run to, except for what is done there.
    if (to !== stands || path.length === 0)
      path.push(...detour(way, stands, to).map((at) => ({ at })), waypoint);
    else if (next !== undefined) path.push(waypoint);
    stands = next === undefined ? to : to + 1;
  };
  for (const point of way.slice(1, index)) {
    const begins = way[point.index - 1]?.stage !== point.stage;
    if (begins || point.over !== 'quick') go(point.index, point.over === 'watched' ? 'over' : undefined);
    if (point.over === 'long') go(point.index + 1);
  }
  if (isEntered(way, index)) go(index - 1, 'step');
  go(index);
  return path;
}

/** Whether a point is the first in its function, from another one on the way. */
function isEntered(way: readonly WayPoint[], index: number): boolean {
  const [before, point] = [way[index - 1], way[index]];
  return before?.nextIsNext === true && before.stage === point?.stage && before.group !== point.group;
}

/** Points between `from` and `to` that have to be passed because the address of `to` comes up before its turn. */
function detour(way: readonly WayPoint[], from: number, to: number): readonly number[] {
  const address = way[to]?.at;
  const earlier = way.findLastIndex(({ at }, place) => place > from && place < to && at === address);
  const behind = earlier + 1;
  if (earlier < 0 || behind >= to) return [];
  return [...detour(way, from, behind), behind];
}
