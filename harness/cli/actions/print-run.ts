import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { showRun } from '../../report/show-run.js';
import { findRun } from '../../store/campaign-directory.js';
import { readRecording } from '../../store/read-recording.js';
import { RECORDING } from '../../store/recorder.js';
import { readPlan, readResult } from '../../store/run-directory.js';
import { wantsColor } from '../context.js';
import { outDirectory } from '../directories.js';
import type { StoredRunOptions } from '../words/stored-run.js';

/** Prints one stored run, for people or as JSON. */
export async function printRun({ run, out, json }: StoredRunOptions): Promise<void> {
  const directory = await findRun(run, outDirectory(out));
  const plan = await readPlan(directory);
  const result = await readResult(directory);
  if (json) {
    process.stdout.write(`${JSON.stringify({ plan, result: result ?? null })}\n`);
    return;
  }
  const consoleBytes = await readFile(join(directory, RECORDING.console)).catch(() => Buffer.alloc(0));
  const names = (await readdir(directory)).sort();
  const files = await Promise.all(
    names.map(async (name) => ({ name, sizeBytes: (await lstat(join(directory, name))).size })),
  );
  const facts = (await readRecording(directory)).flatMap((record) =>
    record.kind === 'host' ? [record.record] : [],
  );
  const kernelLogs = facts.flatMap((fact) => (fact.fact === 'kernel-log' ? [fact] : []));
  const autopsy = facts.findLast((fact) => fact.fact === 'autopsy')?.autopsy;
  const interruptState = facts.findLast((fact) => fact.fact === 'interrupt-state');
  const color = wantsColor(process.stdout);
  process.stdout.write(
    showRun({ plan, result, consoleBytes, interruptState, autopsy, kernelLogs, directory, files, color }),
  );
}
