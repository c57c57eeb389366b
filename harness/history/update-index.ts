import { statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Build, CellName } from '../stats/cell-history.js';
import { directoriesIn, findCampaigns, type FoundCampaign } from './find-campaigns.js';
import type { IndexFile } from './index-file.js';
import { readTrial } from './read-trial.js';
import { readJsonSync } from '../store/stored-file.js';

/** What an update did. */
export interface IndexUpdate {
  readonly campaigns: number;
  /** Runs with a verdict. */
  readonly runs: number;
  /** Runs that were read, because they are new or their verdict changed. */
  readonly read: number;
  /** Something in the index changed. */
  readonly changed: boolean;
}

const CampaignSchema = z.object({ createdAt: z.iso.datetime({ offset: true }) });

/**
 * Brings the index up to date with the directories. A run counts once it has a verdict; one whose `verdict.json` has
 * another time, size or inode than when it was read is read again. Campaigns and runs that are gone leave the index.
 * File by file and synchronously: nothing else waits, and for many small files that is several times as fast.
 */
export function updateIndex(
  { database }: Pick<IndexFile, 'database'>,
  { outDirectory, onRead }: { outDirectory: string; onRead?: ((runs: number) => void) | undefined },
): IndexUpdate {
  const found = findCampaigns(outDirectory);
  const update = { campaigns: found.length, runs: 0, read: 0, changed: false };
  database.exec('BEGIN');
  const write = writerTo(database);
  try {
    const known = new Map(
      database
        .all('SELECT id, path, stamp FROM campaigns')
        .map((row) => CampaignRowSchema.parse(row))
        .map((row) => [row.path, row]),
    );
    const present = new Set(found.map(({ path }) => path));
    for (const path of known.keys()) {
      if (present.has(path)) continue;
      database.run('DELETE FROM campaigns WHERE path = ?', path);
      update.changed = true;
    }
    for (const campaign of found) {
      const directory = join(outDirectory, campaign.path);
      const stamp = stampOf(join(directory, 'campaign.json'));
      // It was removed a moment ago.
      if (stamp === undefined) continue;
      const row = known.get(campaign.path);
      let id = row?.id;
      if (id === undefined || row?.stamp !== stamp) {
        id = write.campaign(campaign, { at: beganAt(directory), stamp });
        update.changed = true;
      }
      updateRuns(id, directory, { database, write, update, onRead });
    }
    database.exec('COMMIT');
  } finally {
    write.close();
  }
  return update;
}

function updateRuns(
  campaign: number,
  directory: string,
  {
    database,
    write,
    update,
    onRead,
  }: {
    database: IndexFile['database'];
    write: ReturnType<typeof writerTo>;
    update: { runs: number; read: number; changed: boolean };
    onRead: ((runs: number) => void) | undefined;
  },
): void {
  const known = knownRuns(database, campaign);
  for (const name of directoriesIn(directory)) {
    const stamp = stampOf(join(directory, name, 'verdict.json'));
    if (stamp === undefined) continue;
    update.runs += 1;
    const before = known.get(name);
    known.delete(name);
    if (before === stamp) continue;
    write.run(campaign, { name, stamp, trial: readTrial(join(directory, name)) });
    update.changed = true;
    update.read += 1;
    if (update.read % 10_000 === 0) onRead?.(update.read);
  }
  for (const gone of known.keys()) {
    database.run('DELETE FROM runs WHERE campaign = ? AND name = ?', [campaign, gone]);
    update.changed = true;
  }
}

const CampaignRowSchema = z.object({ id: z.number(), path: z.string(), stamp: z.string() });
const PairsRowSchema = z.object({ pairs: z.string() });
const PairsSchema = z.array(z.tuple([z.string(), z.string()]));

/** Stamps by the run's name. As one value: a row costs more than what it holds. */
function knownRuns(database: IndexFile['database'], campaign: number): Map<string, string> {
  const row = database.get(
    'SELECT json_group_array(json_array(name, stamp)) AS pairs FROM runs WHERE campaign = ?',
    campaign,
  );
  return new Map(PairsSchema.parse(JSON.parse(PairsRowSchema.parse(row).pairs)));
}

/** Changes when a file is written again or replaced; undefined when it is missing. */
function stampOf(path: string): string | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? undefined : `${found.mtimeMs}:${found.size}:${found.ino}`;
  } catch {
    return undefined;
  }
}

/** When a campaign began; the time of its file when that does not say. */
function beganAt(directory: string): string {
  const path = join(directory, 'campaign.json');
  try {
    const { createdAt } = CampaignSchema.parse(readJsonSync(path));
    return new Date(createdAt).toISOString();
  } catch {
    return statSync(path).mtime.toISOString();
  }
}

/** Prepared statements, and the numbers of cells and builds. */
function writerTo(database: IndexFile['database']) {
  const upsert = database.prepare('INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const cells = new Map<string, number>();
  const builds = new Map<string, number>();
  const numberOf = (
    numbers: Map<string, number>,
    { table, columns, values }: { table: string; columns: string; values: string[] },
  ): number => {
    const key = JSON.stringify(values);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const marks = values.map(() => '?').join(', ');
    database.run(`INSERT OR IGNORE INTO ${table} (${columns}) VALUES (${marks})`, values);
    const where = columns
      .split(', ')
      .map((column) => `${column} = ?`)
      .join(' AND ');
    const id = Number(database.get(`SELECT id FROM ${table} WHERE ${where}`, values)?.['id']);
    numbers.set(key, id);
    return id;
  };
  const cellOf = ({ scenario, kernel, machine = '', accel }: CellName) =>
    numberOf(cells, {
      table: 'cells',
      columns: 'scenario, kernel, machine, accel',
      values: [scenario, kernel, machine, accel],
    });
  const buildOf = ({ label, sha256, capture }: Build) =>
    numberOf(builds, {
      table: 'builds',
      columns: 'label, sha256, capture_label, capture_sha256',
      values: [label, sha256, capture?.label ?? '', capture?.sha256 ?? ''],
    });
  return {
    campaign({ path, night }: FoundCampaign, { at, stamp }: { at: string; stamp: string }): number {
      database.run(
        `INSERT INTO campaigns (path, night, at, stamp) VALUES (?, ?, ?, ?)
         ON CONFLICT (path) DO UPDATE SET night = excluded.night, at = excluded.at, stamp = excluded.stamp`,
        [path, night ?? null, at, stamp],
      );
      return Number(database.get('SELECT id FROM campaigns WHERE path = ?', path)?.['id']);
    },
    run(
      campaign: number,
      { name, stamp, trial }: { name: string; stamp: string; trial: ReturnType<typeof readTrial> },
    ): void {
      upsert.run([
        campaign,
        name,
        stamp,
        ...(trial === undefined
          ? [null, null, null, null, null]
          : [
              cellOf(trial.cell),
              buildOf(trial.build),
              trial.verdict,
              trial.failed === undefined ? null : Number(trial.failed),
              trial.kind,
            ]),
      ]);
    },
    close: () => upsert.finalize(),
  };
}
