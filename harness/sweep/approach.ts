import type { TracePoint } from './instruction-trace.js';

/** A point to run to; `next`: the call there is stepped over, or one instruction is executed. */
export interface Approach {
  readonly at: number;
  readonly next?: 'over' | 'step';
}

/** A choreography has at most 64 steps, a few of them for other purposes. */
const MOST_APPROACHES = 48;

/** Whether a run can be brought to a point: one late in a long loop has too many earlier visits to pass. */
export function isReachable(trace: readonly TracePoint[], index: number): boolean {
  return approachesTo(trace, index).length <= MOST_APPROACHES;
}

/**
 * Points to run to one after the other, so that the vCPU reaches the last one at its position in the trace, not at an
 * earlier visit to the same address, and without delay: the first point of each place; both sides of every long call,
 * which a breakpoint further on would slow down; and a point after every earlier visit to the same address. A function
 * is entered from the instruction before it: it may have been called before, inside a call that was stepped over and
 * not recorded (a return thunk). The vCPU starts at the first point.
 */
export function approachesTo(trace: readonly TracePoint[], index: number): readonly Approach[] {
  const approaches: Approach[] = [];
  let stands = 0;
  const runTo = (to: number, next?: 'over' | 'step') => {
    const approach = next === undefined ? { at: to } : { at: to, next };
    // No run is needed to where the vCPU already is, except for the action there.
    if (to !== stands || approaches.length === 0)
      approaches.push(...detour(trace, stands, to).map((at) => ({ at })), approach);
    else if (next !== undefined) approaches.push(approach);
    stands = next === undefined ? to : to + 1;
  };
  for (const point of trace.slice(1, index)) {
    const begins = trace[point.index - 1]?.place !== point.place;
    if (begins || point.over !== 'quick') runTo(point.index, point.over === 'watched' ? 'over' : undefined);
    if (point.over === 'long') runTo(point.index + 1);
  }
  if (isEntered(trace, index)) runTo(index - 1, 'step');
  runTo(index);
  return approaches;
}

/** Whether a point is the first of its function, entered from another function of the same place. */
function isEntered(trace: readonly TracePoint[], index: number): boolean {
  const [before, point] = [trace[index - 1], trace[index]];
  return before?.nextIsNext === true && before.place === point?.place && before.group !== point.group;
}

/** Points between `from` and `to` to pass first, because the address of `to` occurs earlier in the trace. */
function detour(trace: readonly TracePoint[], from: number, to: number): readonly number[] {
  const address = trace[to]?.at;
  const earlier = trace.findLastIndex(({ at }, index) => index > from && index < to && at === address);
  const behind = earlier + 1;
  if (earlier < 0 || behind >= to) return [];
  return [...detour(trace, from, behind), behind];
}
