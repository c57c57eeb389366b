import { PLACE_LABELS, type PlaceLabel } from '../model/place.js';
import { isReachable } from './approach.js';
import { gaps, type Known } from './next-points.js';
import type { PointOutcome } from './outcome.js';
import { hasNmiGate, type TracePoint } from './instruction-trace.js';

/** What can be swept. */
export const SWEEPS = ['nmi-transition', 'crash-locks'] as const;
export type SweepName = (typeof SWEEPS)[number];

/** A probed point. Names are stable within `schema` 1. */
export interface MappedPoint {
  readonly index: number;
  readonly at: string;
  readonly name: string;
  readonly group: string;
  readonly stage: PlaceLabel;
  readonly instruction: string;
  readonly idt: string | undefined;
  readonly nmiGate: boolean;
  readonly outcome: PointOutcome;
}

/**
 * Where the outcome changes: between these two points. `exact`: the second is the very next instruction. Else
 * `untried` instructions lie between them in the trace, or the trace stepped over code there (a call).
 */
export interface Change {
  readonly from: MappedPoint;
  readonly to: MappedPoint;
  readonly exact: boolean;
  readonly untried: number;
}

/** A window in which an NMI prevents the dump: its first and last point, as far as they are known. */
export interface Window {
  readonly first: MappedPoint;
  readonly last: MappedPoint;
  /** True when the point before `first`, or after `last`, is the adjacent instruction and captured. */
  readonly firstExact: boolean;
  readonly lastExact: boolean;
  /** The ends seen in it, in order. */
  readonly ends: readonly string[];
}

/** The control run: the same crash path, traced, with no NMI. */
export interface Control {
  readonly verdict: string;
  readonly runId: string;
}

/** The map of one kernel. */
export interface NmiMap {
  readonly schema: 1;
  readonly sweep: 'nmi-transition';
  readonly kernel: { readonly spec: string; readonly release: string; readonly captureRelease: string };
  readonly cpus: number;
  readonly accel: string;
  /** Points of the trace: instructions that the vCPU was about to execute. */
  readonly points: number;
  readonly runs: number;
  /** False when --points-most or a signal ended it: then a change may lie between distant points. */
  readonly complete: boolean;
  /** Points that no run can reach (approach.ts). */
  readonly unreachable: number;
  readonly control: Control;
  readonly probed: readonly MappedPoint[];
  readonly changes: readonly Change[];
  readonly windows: readonly Window[];
}

/** A map without its points. */
export type MapHead = Pick<NmiMap, 'kernel' | 'cpus' | 'accel' | 'runs' | 'complete' | 'control'>;

/** Makes the map from the outcomes by index. */
export function mapOf(
  trace: readonly TracePoint[],
  outcomes: ReadonlyMap<number, PointOutcome>,
  head: MapHead,
): NmiMap {
  const probed = trace.flatMap((point): MappedPoint[] => {
    const outcome = outcomes.get(point.index);
    if (outcome === undefined) return [];
    const { index, at, name, group, place, text, idt } = point;
    return [
      {
        ...{ index, at, name, group, stage: PLACE_LABELS[place], instruction: text },
        idt: idt === undefined ? undefined : `${idt.base}/${idt.limit}`,
        nmiGate: hasNmiGate(point),
        outcome,
      },
    ];
  });
  const known: Known = new Map(probed.map(({ index, outcome }) => [index, outcome.end]));
  const byIndex = new Map(probed.map((point) => [point.index, point]));
  const changes = gaps(known).flatMap(([before, after]): Change[] => {
    const [from, to] = [byIndex.get(before), byIndex.get(after)];
    if (from === undefined || to === undefined) return [];
    return [{ from, to, exact: isNext(trace, before, after), untried: after - before - 1 }];
  });
  const windows = windowsOf(trace, probed);
  const unreachable = trace.filter(({ index }) => !isReachable(trace, index)).length;
  return {
    schema: 1,
    sweep: 'nmi-transition',
    ...head,
    points: trace.length,
    unreachable,
    probed,
    changes,
    windows,
  };
}

function isNext(trace: readonly TracePoint[], before: number, after: number): boolean {
  return after === before + 1 && trace[before]?.nextIsNext === true;
}

function windowsOf(trace: readonly TracePoint[], probed: readonly MappedPoint[]): readonly Window[] {
  const decided = probed.filter(({ outcome }) => outcome.end !== 'unknown');
  const windows: Window[] = [];
  for (let start = 0; start < decided.length; start += 1) {
    const first = decided[start];
    if (first === undefined || first.outcome.end === 'captured') continue;
    let end = start;
    while (decided[end + 1] !== undefined && decided[end + 1]?.outcome.end !== 'captured') end += 1;
    const inside = decided.slice(start, end + 1);
    const last = decided[end] ?? first;
    const [before, after] = [decided[start - 1], decided[end + 1]];
    windows.push({
      first,
      last,
      firstExact: before !== undefined && isNext(trace, before.index, first.index),
      lastExact: after !== undefined && isNext(trace, last.index, after.index),
      ends: [...new Set(inside.map(({ outcome }) => outcome.text))],
    });
    start = end;
  }
  return windows;
}
