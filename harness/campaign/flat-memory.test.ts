import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { join } from 'node:path';
import t from 'tap';
import { recordedMachine } from '../machine/recorded/open.js';
import type { RunResult } from '../model/result.js';
import { RunCounts } from '../report/run-counts.js';
import { createRunDirectory, readPlan } from '../store/run-directory.js';
import { scratch } from '../testing/files.js';
import { TESTDATA } from '../testing/recordings/fixtures.js';
import { resultKeeper } from './kept-result.js';
import { executeRun } from '../run/execute-run.js';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** Bytes of all objects that are still in use, and of their buffers. */
function heapBytes(): number {
  if (typeof collect !== 'function') throw new Error('there is no gc()');
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * Runs between two measurements, and measurements. What is kept of each run shows between any two of them; code that is
 * compiled meanwhile, and caches that fill, between some.
 */
const [RUNS, MEASUREMENTS] = [20, 5];
/** Bytes that a campaign may keep of a run. What it holds on to by mistake is larger: the console has 60 KB. */
const KEPT = 10_000;

t.test('a campaign keeps little of a capture that has ended', async (t) => {
  const fixture = join(TESTDATA, 'captured-6.1');
  const plan = await readPlan(fixture);
  const keep = resultKeeper();
  const counts = new RunCounts(Array.from({ length: RUNS * MEASUREMENTS }, () => plan));
  const kept: RunResult[] = [];
  const directory = await scratch(t);
  const heap: number[] = [];
  while (kept.length < RUNS * MEASUREMENTS) {
    const { clock, open } = await recordedMachine(fixture);
    const run = await createRunDirectory(directory, { ...plan, runId: `run-${kept.length}` });
    const result = await executeRun(plan, run, { open: (_plan, place) => open(place), clock });
    kept.push(keep(result));
    counts.add(result);
    if (kept.length % RUNS === 0) heap.push(heapBytes());
  }
  t.strictSame(counts.verdicts, [['captured', RUNS * MEASUREMENTS]]);
  const ofRun = heap.slice(1).map((bytes, index) => Math.round((bytes - (heap[index] ?? 0)) / RUNS));
  t.ok(Math.min(...ofRun) < KEPT, `${ofRun.join(', ')} bytes a run`);
});
