import type { WayPoint } from './way.js';

/** A point to run to; with `over`, it is a call that is gone over then. */
export interface Waypoint {
  readonly at: number;
  readonly over: boolean;
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
 * and a point behind every earlier visit to the same address. The first point is where the vCPU stands.
 */
export function pathTo(way: readonly WayPoint[], index: number): readonly Waypoint[] {
  const path: Waypoint[] = [];
  let stands = 0;
  const go = (to: number, over = false) => {
    // Where it stands already, a breakpoint would not be met.
    if (to !== stands || path.length === 0) {
      path.push(...detour(way, stands, to).map((at) => ({ at, over: false })), { at: to, over });
    } else if (over) {
      path.push({ at: to, over });
    }
    stands = over ? to + 1 : to;
  };
  for (const point of way.slice(1, index)) {
    const begins = way[point.index - 1]?.stage !== point.stage;
    if (begins || point.over !== 'quick') go(point.index, point.over === 'watched');
    if (point.over === 'long') go(point.index + 1);
  }
  go(index);
  return path;
}

/** Points between `from` and `to` that have to be passed because the address of `to` comes up before its turn. */
function detour(way: readonly WayPoint[], from: number, to: number): readonly number[] {
  const address = way[to]?.at;
  const earlier = way.findLastIndex(({ at }, place) => place > from && place < to && at === address);
  const behind = earlier + 1;
  if (earlier < 0 || behind >= to) return [];
  return [...detour(way, from, behind), behind];
}
