import { gaps, type Known } from './next-points.js';
import type { PointOutcome } from './outcome.js';
import { hasNmiGate, type Stage, type WayPoint } from './instruction-trace.js';

/** A probed point. Names are stable within `schema` 1. */
export interface MappedPoint {
  readonly index: number;
  readonly at: string;
  readonly name: string;
  readonly group: string;
  readonly stage: Stage;
  readonly instruction: string;
  readonly idt: string | undefined;
  readonly nmiGate: boolean;
  readonly outcome: PointOutcome;
}

/**
 * Where the outcome changes: between these two points. `exact`: the second is the very next instruction. Else
 * `untried` instructions lie between them on the recorded way, or the way itself went over code there (a call).
 */
export interface Change {
  readonly from: MappedPoint;
  readonly to: MappedPoint;
  readonly exact: boolean;
  readonly untried: number;
}

/** A stretch in which an NMI keeps the dump from being taken: its first and last point, as far as they are known. */
export interface Window {
  readonly first: MappedPoint;
  readonly last: MappedPoint;
  /** True when the point before `first`, or after `last`, is the very next instruction and captured. */
  readonly firstExact: boolean;
  readonly lastExact: boolean;
  /** The ends seen in it, in order. */
  readonly ends: readonly string[];
}

/** The control run: the same way, traced, with no NMI. */
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
  /** Points of the way: instructions that the vCPU was seen to stand at. */
  readonly points: number;
  readonly runs: number;
  /** False when it was ended by --points-most or a signal: then a change may still lie between far points. */
  readonly complete: boolean;
  readonly control: Control;
  readonly probed: readonly MappedPoint[];
  readonly changes: readonly Change[];
  readonly windows: readonly Window[];
}

/** What a map says beside its points. */
export type MapHead = Pick<NmiMap, 'kernel' | 'cpus' | 'accel' | 'runs' | 'complete' | 'control'>;

/** Draws the map out of the outcomes by index. */
export function mapOf(
  way: readonly WayPoint[],
  outcomes: ReadonlyMap<number, PointOutcome>,
  head: MapHead,
): NmiMap {
  const probed = way.flatMap((point): MappedPoint[] => {
    const outcome = outcomes.get(point.index);
    if (outcome === undefined) return [];
    const { index, at, name, group, stage, text, idt } = point;
    return [
      {
        ...{ index, at, name, group, stage, instruction: text },
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
    return [{ from, to, exact: isNext(way, before, after), untried: after - before - 1 }];
  });
  const windows = windowsOf(way, probed);
  return { schema: 1, sweep: 'nmi-transition', ...head, points: way.length, probed, changes, windows };
}

function isNext(way: readonly WayPoint[], before: number, after: number): boolean {
  return after === before + 1 && way[before]?.nextIsNext === true;
}

function windowsOf(way: readonly WayPoint[], probed: readonly MappedPoint[]): readonly Window[] {
  const told = probed.filter(({ outcome }) => outcome.end !== 'unknown');
  const windows: Window[] = [];
  for (let start = 0; start < told.length; start += 1) {
    const first = told[start];
    if (first === undefined || first.outcome.end === 'captured') continue;
    let end = start;
    while (told[end + 1] !== undefined && told[end + 1]?.outcome.end !== 'captured') end += 1;
    const inside = told.slice(start, end + 1);
    const last = told[end] ?? first;
    const [before, after] = [told[start - 1], told[end + 1]];
    windows.push({
      first,
      last,
      firstExact: before !== undefined && isNext(way, before.index, first.index),
      lastExact: after !== undefined && isNext(way, last.index, after.index),
      ends: [...new Set(inside.map(({ outcome }) => outcome.text))],
    });
    start = end;
  }
  return windows;
}
