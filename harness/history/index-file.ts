import {
  chmodSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  closeSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import sqlite from 'node-sqlite3-wasm';
import { errnoOf, messageOf, reasonFor } from '../model/errno.js';

/** The index in the output directory. */
const NAME = 'history.sqlite';

/** Raised when tables or the meaning of their columns change: an index of another version is rebuilt. */
const INDEX_VERSION = 1;

/** A copy that was left behind by a crashpath that was killed is removed after this time. */
const ABANDONED_MS = 3_600_000;

const TABLES = `
  CREATE TABLE campaigns (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,  -- relative to the output directory
    night TEXT,
    at TEXT NOT NULL,           -- when it began, ISO 8601
    stamp TEXT NOT NULL         -- of campaign.json
  );
  CREATE TABLE cells (
    id INTEGER PRIMARY KEY,
    scenario TEXT NOT NULL, kernel TEXT NOT NULL, machine TEXT NOT NULL, accel TEXT NOT NULL,
    UNIQUE (scenario, kernel, machine, accel)
  );
  CREATE TABLE builds (
    id INTEGER PRIMARY KEY,
    label TEXT NOT NULL, sha256 TEXT NOT NULL, capture_label TEXT NOT NULL, capture_sha256 TEXT NOT NULL,
    UNIQUE (label, sha256, capture_label, capture_sha256)
  );
  CREATE TABLE runs (
    campaign INTEGER NOT NULL REFERENCES campaigns(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    stamp TEXT NOT NULL,        -- of verdict.json
    cell INTEGER, build INTEGER, -- NULL: no trial (cut off, or a damaged file)
    verdict TEXT,
    failed INTEGER,             -- NULL: not judged
    kind TEXT,                  -- judged, void or harnessErrors
    PRIMARY KEY (campaign, name)
  ) WITHOUT ROWID;
  PRAGMA user_version = ${INDEX_VERSION};`;

/** The open index. Everything happens in a copy of one's own until {@link publish}. */
export interface IndexFile {
  readonly database: InstanceType<typeof sqlite.Database>;
  /** Puts the copy in the place of the index; the database is closed. */
  publish(): void;
  /** Closes and removes the copy. */
  discard(): void;
}

/** Options of {@link openIndexFile}. */
export interface OpenIndexOptions {
  /** Begin with an empty index. */
  readonly rebuild: boolean;
  /** What the user should know: one sentence. */
  readonly onMessage: (message: string) => void;
}

/**
 * Opens the index of an output directory, or begins an empty one when it is missing, damaged or of another version.
 *
 * The library locks a database with a directory beside it that outlives a process that is killed, and has no lock for
 * several readers. So no two processes ever open the same file: each works in a copy, and renames it over the index when
 * something changed. The last one wins; what the other one had found is found again. In a directory that cannot be
 * written the index is held in memory.
 */
export function openIndexFile(outDirectory: string, options: OpenIndexOptions): IndexFile {
  const path = join(outDirectory, NAME);
  removeAbandoned(path);
  const copy = `${path}.${process.pid}.tmp`;
  try {
    remove(copy);
    const reason = options.rebuild || !existsSync(path) ? 'new' : openCopy(path, copy);
    if (typeof reason !== 'string') return fileAt(copy, path, reason);
    if (reason !== 'new') options.onMessage(`the index "${path}" is rebuilt: ${reason}`);
    remove(copy);
    // 0600, as the runs that it names.
    closeSync(openSync(copy, 'wx', 0o600));
    return fileAt(copy, path, emptyDatabase(copy));
  } catch (error) {
    remove(copy);
    options.onMessage(`the index "${path}" cannot be kept, and is made anew each time: ${whyOf(error)}`);
    return inMemory();
  }
}

/** An index that is gone when it is closed. */
export function inMemory(): IndexFile {
  const database = emptyDatabase(':memory:');
  const close = () => database.close();
  return { database, publish: close, discard: close };
}

/** Why an index cannot be read or written, in words. */
export function whyOf(error: unknown): string {
  return reasonFor(errnoOf(error)) ?? messageOf(error);
}

/** The database of a copy, or why the index is of no use. Throws when no copy can be made. */
function openCopy(path: string, copy: string): IndexFile['database'] | string {
  // Opening a FIFO would wait for ever.
  const there = statSync(path);
  if (!there.isFile() && !there.isDirectory()) return 'it is no file';
  copyFileSync(path, copy);
  chmodSync(copy, 0o600);
  let database;
  try {
    database = new sqlite.Database(copy);
    tune(database);
    const version = database.get('PRAGMA user_version')?.['user_version'];
    if (version !== INDEX_VERSION) {
      database.close();
      return `it has version ${JSON.stringify(version)}, this crashpath writes ${INDEX_VERSION}`;
    }
    const check = database.get('PRAGMA quick_check(1)')?.['quick_check'];
    if (check === 'ok') return database;
    database.close();
    return `it is damaged (${JSON.stringify(check)})`;
  } catch (error) {
    if (database?.isOpen === true) database.close();
    return `it is damaged (${messageOf(error)})`;
  }
}

function emptyDatabase(path: string): IndexFile['database'] {
  const database = new sqlite.Database(path);
  tune(database);
  database.exec(TABLES);
  return database;
}

/** Nobody else opens the copy, and a copy that is not complete is thrown away. */
function tune(database: IndexFile['database']): void {
  database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON');
}

function fileAt(copy: string, path: string, database: IndexFile['database']): IndexFile {
  return {
    database,
    publish() {
      database.close();
      // On the disk before it gets its name, or a power failure leaves an index of zeroes.
      const file = openSync(copy, 'r+');
      fsyncSync(file);
      closeSync(file);
      renameSync(copy, path);
    },
    discard() {
      database.close();
      remove(copy);
    },
  };
}

function remove(copy: string): void {
  for (const path of [copy, `${copy}.lock`]) rmSync(path, { recursive: true, force: true });
}

function removeAbandoned(path: string): void {
  const copies = new RegExp(`^${NAME.replace('.', '\\.')}\\.\\d+\\.tmp`);
  try {
    for (const name of readdirSync(dirname(path)).filter((candidate) => copies.test(candidate))) {
      const left = join(dirname(path), basename(name));
      if (Date.now() - statSync(left).mtimeMs > ABANDONED_MS) rmSync(left, { recursive: true, force: true });
    }
  } catch {
    // Another crashpath removed it, or the directory cannot be written.
  }
}
