import { closeSync, existsSync, ftruncateSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../model/errno.js';
import { type RunResult, RunResultSchema } from '../model/result.js';
import { appendResult, RESULTS } from './campaign-directory.js';
import { readResult, saveResult, VERDICT } from './run-directory.js';
import { storeFault } from './store-fault.js';

const CHUNK_BYTES = 1024 * 1024;
/** A result has some kilobytes; a longer line is none. */
const LINE_BYTES = 4 * CHUNK_BYTES;

/** A run that was begun: its directory exists. */
export interface BegunRun {
  /** Name of its directory. */
  readonly runId: string;
  /** Absent when it was cut off: it has no verdict. */
  readonly result: RunResult | undefined;
}

/**
 * The runs of a campaign that were begun, those with a result first, in the order in which they ended; one result at a
 * time is in memory. Reads `results.jsonl` and opens only those run directories that are not in it. With `repair` it
 * makes both complete again, because crashpath may have been killed at any moment: a last line without an end is cut off;
 * a verdict without a line gets one; a line whose run lost its verdict gives it back. A line of a directory that was
 * removed does not count. Throws a harness fault.
 */
export async function* begunRuns(
  campaignDirectory: string,
  { repair }: { readonly repair: boolean },
): AsyncGenerator<BegunRun> {
  const left = new Set(directoriesIn(campaignDirectory));
  if (repair) sweepUnfinished(campaignDirectory);
  for (const result of storedLines(campaignDirectory, repair)) {
    // Of two lines of one run the first counts: it is the one that was printed.
    if (!left.delete(result.runId)) continue;
    const directory = join(campaignDirectory, result.runId);
    const here = { ...result, directory };
    if (repair && !existsSync(join(directory, VERDICT))) await saveResult(directory, here);
    yield { runId: result.runId, result: here };
  }
  for (const runId of left) {
    const result = await readResult(join(campaignDirectory, runId));
    // A directory that was copied or renamed is not that run.
    const own = result?.runId === runId ? result : undefined;
    if (repair && own !== undefined) await appendResult(campaignDirectory, own);
    yield { runId, result: own };
  }
}

/** Names of the directories in a campaign's; those that hold no runs are among them. */
function directoriesIn(campaignDirectory: string): string[] {
  const entries = readdirSync(campaignDirectory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Removes what a killed crashpath had not yet put in place (cache/write-whole.ts), unless its process lives. */
function sweepUnfinished(campaignDirectory: string): void {
  for (const name of readdirSync(campaignDirectory)) {
    const pid = /\.(\d+)\.\d+\.tmp$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(campaignDirectory, name), { force: true });
  }
}

/** The results in `results.jsonl`; with `repair` an unfinished last line is cut off. Throws a harness fault. */
function* storedLines(campaignDirectory: string, repair: boolean): Generator<RunResult> {
  const path = join(campaignDirectory, RESULTS);
  let file: number;
  try {
    file = openSync(path, repair ? 'r+' : 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw storeFault('read', path, error);
  }
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let rest = Buffer.alloc(0);
    let end = 0;
    for (let position = 0; ; ) {
      const length = readSync(file, chunk, 0, CHUNK_BYTES, position);
      if (length === 0) break;
      position += length;
      const bytes = Buffer.concat([rest, chunk.subarray(0, length)]);
      let from = 0;
      for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, from)) {
        const result = resultIn(bytes.subarray(from, at));
        if (result !== undefined) yield result;
        end += at + 1 - from;
        from = at + 1;
      }
      rest = Buffer.from(bytes.subarray(from));
      if (rest.length > LINE_BYTES) {
        throw new Error(`its line at byte ${end} is longer than ${LINE_BYTES} bytes`);
      }
    }
    if (repair && rest.length > 0) ftruncateSync(file, end);
  } catch (error) {
    throw storeFault('read', path, error);
  } finally {
    closeSync(file);
  }
}

function resultIn(line: Buffer): RunResult | undefined {
  try {
    return RunResultSchema.safeParse(JSON.parse(line.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
