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

/** Runs before the measurement, in which code is compiled and caches fill, and runs that are measured. */
const [WARM, MEASURED] = [40, 40];
/** Bytes that a campaign may keep of a run. What it holds on to by mistake is larger: the console has 60 KB. */
const KEPT = 10_000;

t.test('a campaign keeps little of a capture that has ended', async (t) => {
  const fixture = join(TESTDATA, 'captured-6.1');
  const plan = await readPlan(fixture);
  const keep = resultKeeper();
  const counts = new RunCounts(Array.from({ length: WARM + MEASURED }, () => plan));
  const kept: RunResult[] = [];
  const directory = await scratch(t);
  let before = 0;
  while (kept.length < WARM + MEASURED) {
    const { clock, open } = await recordedMachine(fixture);
    const run = await createRunDirectory(directory, { ...plan, runId: `run-${kept.length}` });
    const result = await executeRun(plan, run, { open: (_plan, place) => open(place), clock });
    kept.push(keep(result));
    counts.add(result);
    if (kept.length === WARM) before = heapBytes();
  }
  t.strictSame(counts.verdicts, [['captured', WARM + MEASURED]]);
  const bytes = (heapBytes() - before) / MEASURED;
  t.ok(bytes < KEPT, `${Math.round(bytes)} bytes a run`);
});
