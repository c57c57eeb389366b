import { type ChangePoint, changePoints } from './change-points.js';
import { boundOfNone, rateInterval } from './binomial.js';
import type { Seen } from './fisher.js';

/** What identifies a cell over campaigns. Texts are verbatim from stored files. */
export interface CellName {
  readonly scenario: string;
  /** Name of the kernel's column in a campaign file; without one the kernel spec, `SPEC -> CAPTURE SPEC` for a pair. */
  readonly kernel: string;
  /** Name of the machine; absent for the default one. */
  readonly machine?: string | undefined;
  readonly accel: 'kvm' | 'tcg';
}

/** A kernel build: its label alone may name several. */
export interface Build {
  readonly label: string;
  readonly sha256: string;
  /** The capture kernel; absent when it is the same kernel. */
  readonly capture?: { readonly label: string; readonly sha256: string } | undefined;
}

/** The trials of a cell in one campaign with one kernel build. */
export interface HistoryPoint extends Seen {
  /** Directory of the campaign, relative to the output directory. */
  readonly campaign: string;
  /** When the campaign began, ISO 8601. */
  readonly at: string;
  /** Name of the night; absent in other campaigns. */
  readonly night?: string | undefined;
  readonly build: Build;
  readonly void: number;
  readonly harnessErrors: number;
  /** Counts by the verdict's name. */
  readonly verdicts: Readonly<Record<string, number>>;
  /** Names of the first run that failed, and of the first that was judged and did not. */
  readonly failedRun?: string | undefined;
  readonly goodRun?: string | undefined;
}

/** A cell with its points in the order of time. */
export interface CellPoints {
  readonly cell: CellName;
  readonly points: readonly HistoryPoint[];
}

/** A change of a cell's rate, between two points. */
export interface RateChange extends ChangePoint {
  readonly direction: 'rose' | 'fell';
  /** The last judged point before the change, and the first after. */
  readonly last: HistoryPoint;
  readonly first: HistoryPoint;
  /** Both have the same build, so that the kernel cannot be what changed. */
  readonly sameBuild: boolean;
}

/**
 * How a cell stands, by its latest change. `fixed`: the rate fell, and nothing has failed since; `improved`: it fell, and
 * something still fails; `cannot-tell`: no trial was judged.
 */
export const CELL_TRENDS = ['regressed', 'improved', 'fixed', 'unchanged', 'cannot-tell'] as const;
export type CellTrend = (typeof CELL_TRENDS)[number];

/** A cell's rate over time. */
export interface CellHistory extends CellPoints {
  readonly trend: CellTrend;
  /** In order. */
  readonly changes: readonly RateChange[];
  /** Since the latest change; over all points without one. */
  readonly now: Seen;
  readonly interval: [lower: number, upper: number] | undefined;
  /** How many cells the p values are corrected for. */
  readonly cells: number;
}

/** Evaluates cells together: the p values are corrected for all those that have at least two judged points. Pure. */
export function cellHistories(cells: readonly CellPoints[]): CellHistory[] {
  const series = cells.filter(({ points }) => points.filter(({ judged }) => judged > 0).length > 1).length;
  return cells.map(({ cell, points }) => {
    const changes = changePoints(points, { series: Math.max(1, series) }).flatMap((change) =>
      rateChange(change, points),
    );
    const now = changes.at(-1)?.after ?? sum(points);
    return {
      cell,
      points,
      changes,
      now,
      interval: rateInterval(now.failures, now.judged),
      trend: trendOf(changes.at(-1), now),
      cells: series,
    };
  });
}

/**
 * How many runs show a failure of this rate at least once with a probability of 95 %; 1 to 100. For the command that
 * reproduces it. Pure.
 */
export function runsToSee({ failures, judged }: Seen): number {
  if (failures === 0 || failures >= judged) return 1;
  const runs = Math.log(1 - 0.95) / Math.log(1 - failures / judged);
  return Math.min(100, Math.ceil(runs));
}

/** The rate that could have been missed; undefined unless nothing failed. */
export function missedRate({ failures, judged }: Seen): number | undefined {
  return failures === 0 && judged > 0 ? boundOfNone(judged) : undefined;
}

function sum(points: readonly Seen[]): Seen {
  return points.reduce<Seen>(
    (total, { failures, judged }) => ({
      failures: total.failures + failures,
      judged: total.judged + judged,
    }),
    { failures: 0, judged: 0 },
  );
}

function rateChange(change: ChangePoint, points: readonly HistoryPoint[]): RateChange[] {
  const { before, after, at } = change;
  const first = points[at];
  const last = points.slice(0, at).findLast(({ judged }) => judged > 0);
  if (first === undefined || last === undefined) return [];
  // Products instead of quotients, as in conclude().
  const rose = after.failures * before.judged > before.failures * after.judged;
  return [
    { ...change, direction: rose ? 'rose' : 'fell', last, first, sameBuild: isSame(last.build, first.build) },
  ];
}

function isSame(one: Build, other: Build): boolean {
  return one.sha256 === other.sha256 && one.capture?.sha256 === other.capture?.sha256;
}

function trendOf(latest: RateChange | undefined, now: Seen): CellTrend {
  if (now.judged === 0) return 'cannot-tell';
  if (latest === undefined) return 'unchanged';
  if (latest.direction === 'rose') return 'regressed';
  return now.failures === 0 ? 'fixed' : 'improved';
}
