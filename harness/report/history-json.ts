import { z } from 'zod';
import { rateInterval } from '../stats/binomial.js';
import { type Build, CELL_TRENDS, type HistoryPoint } from '../stats/cell-history.js';
import type { Seen } from '../stats/fisher.js';
import type { ShownChange, ShownHistory } from './history-text.js';

const count = z.number().int().nonnegative();
const rate = z.number().min(0).max(1);

/** Counts with the failure rate and its two-sided 95 % Clopper-Pearson interval; null when nothing was judged. */
const SeenSchema = z.strictObject({
  failures: count,
  judged: count,
  rate: rate.nullable(),
  interval: z.tuple([rate, rate]).nullable(),
});

const kernel = { label: z.string(), sha256: z.string() };
const BuildSchema = z.strictObject({ ...kernel, capture: z.strictObject(kernel).optional() });

const PointSchema = SeenSchema.extend({
  /** Relative to the output directory. */
  campaign: z.string(),
  /** ISO 8601. */
  at: z.string(),
  night: z.string().optional(),
  build: BuildSchema,
  void: count,
  harnessErrors: count,
  /** Counts by the verdict's name. */
  verdicts: z.record(z.string(), count),
});

const ChangeSchema = z.strictObject({
  direction: z.enum(['rose', 'fell']),
  /** Indices of points: the first one after the change; the range that the counts do not exclude. */
  at: count,
  earliest: count,
  latest: count,
  before: SeenSchema,
  after: SeenSchema,
  pValue: rate,
  sameBuild: z.boolean(),
  lastBefore: BuildSchema,
  firstAfter: BuildSchema,
  badDirectory: z.string().optional(),
  goodDirectory: z.string().optional(),
  reproduce: z.string().optional(),
});

/** What `crashpath history --json` prints: one object for each cell. */
export const HistorySchema = z.strictObject({
  schema: z.literal(1),
  kind: z.literal('cell-history'),
  scenario: z.string(),
  kernel: z.string(),
  machine: z.string().optional(),
  accel: z.enum(['kvm', 'tcg']),
  trend: z.enum(CELL_TRENDS),
  /** Since the latest change. */
  now: SeenSchema,
  /** How many cells the p values are corrected for. */
  cells: count,
  points: z.array(PointSchema),
  changes: z.array(ChangeSchema),
});

export type HistoryObject = z.infer<typeof HistorySchema>;

/** Lays a cell's history out as the printed object. Pure. */
export function historyObject({ cell, trend, now, cells, points, changes }: ShownHistory): HistoryObject {
  return {
    schema: 1,
    kind: 'cell-history',
    scenario: cell.scenario,
    kernel: cell.kernel,
    ...(cell.machine === undefined ? {} : { machine: cell.machine }),
    accel: cell.accel,
    trend,
    now: seenObject(now),
    cells,
    points: points.map(pointObject),
    changes: changes.map(changeObject),
  };
}

function seenObject({ failures, judged }: Seen): z.infer<typeof SeenSchema> {
  return {
    failures,
    judged,
    rate: judged === 0 ? null : failures / judged,
    interval: rateInterval(failures, judged) ?? null,
  };
}

function buildObject({ label, sha256, capture }: Build): z.infer<typeof BuildSchema> {
  return { label, sha256, ...(capture === undefined ? {} : { capture }) };
}

function pointObject(point: HistoryPoint): HistoryObject['points'][number] {
  const { campaign, at, night, build, verdicts, harnessErrors } = point;
  return {
    campaign,
    at,
    ...(night === undefined ? {} : { night }),
    build: buildObject(build),
    ...seenObject(point),
    void: point.void,
    harnessErrors,
    verdicts: { ...verdicts },
  };
}

function changeObject(change: ShownChange): HistoryObject['changes'][number] {
  const { direction, at, earliest, latest, before, after, pValue, sameBuild, last, first } = change;
  const { badDirectory, goodDirectory, reproduce } = change;
  return {
    direction,
    at,
    earliest,
    latest,
    before: seenObject(before),
    after: seenObject(after),
    pValue,
    sameBuild,
    lastBefore: buildObject(last.build),
    firstAfter: buildObject(first.build),
    ...(badDirectory === undefined ? {} : { badDirectory }),
    ...(goodDirectory === undefined ? {} : { goodDirectory }),
    ...(reproduce === undefined ? {} : { reproduce }),
  };
}
