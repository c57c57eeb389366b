import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { EXIT } from '../../model/fault.js';
import { type ComparedRun, diffRuns } from '../../report/run-diff.js';
import { runDiffObject } from '../../report/run-diff-json.js';
import { runDiffText } from '../../report/run-diff-text.js';
import { findRun } from '../../store/campaign-directory.js';
import { readRecording } from '../../store/read-recording.js';
import { RECORDING } from '../../store/recorder.js';
import { rejudge } from '../../store/rejudge.js';
import { readPlan, readResult } from '../../store/run-directory.js';
import { wantsColor } from '../context.js';
import { outDirectory } from '../directories.js';
import type { DiffOptions } from '../words/diff.js';

/** Prints what differs between two stored runs. Returns the exit code: 0 when nothing but times does. */
export async function printDiff({ run, other, full, out, json }: DiffOptions): Promise<number> {
  const left = await findRun(run, outDirectory(out));
  const right = await findRun(other, outDirectory(out));
  const diff = diffRuns(await comparedRun(left), await comparedRun(right));
  if (json) process.stdout.write(`${JSON.stringify(runDiffObject(diff, { left, right }))}\n`);
  else {
    const color = wantsColor(process.stdout);
    const options = { color, full, left: relative('.', left), right: relative('.', right) };
    process.stdout.write(`${runDiffText(diff, options)}\n`);
  }
  return diff.same ? EXIT.expected : EXIT.unexpected;
}

async function comparedRun(directory: string): Promise<ComparedRun> {
  const plan = await readPlan(directory);
  // A run that was cut off has a recording and no verdict.
  const result = (await readResult(directory)) ?? (await rejudge(directory)).result;
  const consoleBytes = await readFile(join(directory, RECORDING.console)).catch(() => Buffer.alloc(0));
  const records = await readRecording(directory);
  const facts = records.flatMap((record) => (record.kind === 'host' ? [record.record] : []));
  return { plan, result, consoleBytes, facts };
}
