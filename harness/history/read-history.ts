import { z } from 'zod';
import type { CellPoints, HistoryPoint } from '../stats/cell-history.js';
import { type IndexFile, inMemory, openIndexFile, type OpenIndexOptions, whyOf } from './index-file.js';
import { type IndexUpdate, updateIndex } from './update-index.js';

/** Options of {@link readHistory}. */
export interface HistoryOptions extends OpenIndexOptions {
  /** Called after every 10,000 runs that were read, with their number. */
  readonly onRead?: ((runs: number) => void) | undefined;
}

/** The history below an output directory. */
export interface History {
  /** By name; points in the order in which their campaigns began. */
  readonly cells: readonly CellPoints[];
  readonly update: IndexUpdate;
}

/**
 * Brings the index of an output directory up to date and reads all cells from it. An index that cannot be used is made
 * anew, and one that cannot be kept (a full disk) is held in memory: it is a copy of what the directories hold.
 */
export function readHistory(outDirectory: string, options: HistoryOptions): History {
  const where = { outDirectory, onRead: options.onRead };
  try {
    return historyFrom(openIndexFile(outDirectory, options), where);
  } catch (error) {
    options.onMessage(`the index is rebuilt: ${whyOf(error)}`);
  }
  try {
    return historyFrom(openIndexFile(outDirectory, { ...options, rebuild: true }), where);
  } catch (error) {
    options.onMessage(`the index cannot be kept, and is made anew each time: ${whyOf(error)}`);
    return historyFrom(inMemory(), where);
  }
}

function historyFrom(
  index: IndexFile,
  where: { outDirectory: string; onRead?: ((runs: number) => void) | undefined },
): History {
  let isOpen = true;
  try {
    const update = updateIndex(index, where);
    const cells = cellsOf(index);
    isOpen = false;
    if (update.changed) index.publish();
    else index.discard();
    return { cells, update };
  } finally {
    if (isOpen) index.discard();
  }
}

const RowSchema = z.object({
  scenario: z.string(),
  kernel: z.string(),
  machine: z.string(),
  accel: z.enum(['kvm', 'tcg']),
  path: z.string(),
  night: z.string().nullable(),
  at: z.string(),
  label: z.string(),
  sha256: z.string(),
  capture_label: z.string(),
  capture_sha256: z.string(),
  verdict: z.string(),
  kind: z.enum(['judged', 'void', 'harnessErrors']),
  runs: z.number(),
  failures: z.number(),
  failed_run: z.string().nullable(),
  good_run: z.string().nullable(),
});
type Row = z.infer<typeof RowSchema>;

/** One row for each verdict of each point. */
const ROWS = `
  SELECT scenario, kernel, machine, accel, path, night, at, label, sha256, capture_label, capture_sha256,
         verdict, kind, count(*) AS runs, coalesce(sum(failed), 0) AS failures,
         min(CASE WHEN failed = 1 THEN name END) AS failed_run,
         min(CASE WHEN failed = 0 THEN name END) AS good_run
  FROM runs JOIN campaigns ON campaigns.id = runs.campaign
            JOIN cells ON cells.id = runs.cell
            JOIN builds ON builds.id = runs.build
  GROUP BY runs.cell, runs.campaign, runs.build, verdict, kind
  ORDER BY scenario, kernel, machine, accel, at, path, runs.build, verdict`;

function cellsOf({ database }: Pick<IndexFile, 'database'>): CellPoints[] {
  const rows = database.all(ROWS).map((row) => RowSchema.parse(row));
  const cells = groupedBy(rows, ({ scenario, kernel, machine, accel }) => [scenario, kernel, machine, accel]);
  return cells.flatMap((ofCell) => {
    const [row] = ofCell;
    if (row === undefined) return [];
    const { scenario, kernel, machine, accel } = row;
    return [
      {
        cell: { scenario, kernel, accel, machine: machine === '' ? undefined : machine },
        points: groupedBy(ofCell, (one) => [
          one.path,
          one.label,
          one.sha256,
          one.capture_label,
          one.capture_sha256,
        ]).flatMap(pointOf),
      },
    ];
  });
}

function pointOf(rows: readonly Row[]): HistoryPoint[] {
  const [row] = rows;
  if (row === undefined) return [];
  const count = (kind: Row['kind']) =>
    rows.filter((one) => one.kind === kind).reduce((sum, { runs }) => sum + runs, 0);
  return [
    {
      campaign: row.path,
      at: row.at,
      night: row.night ?? undefined,
      build: {
        label: row.label,
        sha256: row.sha256,
        capture:
          row.capture_sha256 === '' ? undefined : { label: row.capture_label, sha256: row.capture_sha256 },
      },
      failures: rows.reduce((sum, { failures }) => sum + failures, 0),
      judged: count('judged'),
      void: count('void'),
      harnessErrors: count('harnessErrors'),
      verdicts: Object.fromEntries(rows.map(({ verdict, runs }) => [verdict, runs])),
      failedRun: least(rows.map(({ failed_run: name }) => name)),
      goodRun: least(rows.map(({ good_run: name }) => name)),
    },
  ];
}

function least(names: readonly (string | null)[]): string | undefined {
  return names.flatMap((name) => (name === null ? [] : [name])).sort()[0];
}

/** Neighbours of the same key. */
function groupedBy<T>(rows: readonly T[], keyOf: (row: T) => readonly string[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const key = JSON.stringify(keyOf(row));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return [...groups.values()];
}
