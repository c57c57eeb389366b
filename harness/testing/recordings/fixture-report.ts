/** All recorded runs as one directory of runs, for the tests of formats. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { excerptOf } from '../../report/console-excerpt.js';
import { type Report, reportedLines, type StoredRunInput } from '../../report/formats/report-model.js';
import { readPlan } from '../../store/run-directory.js';
import { rejudge } from '../../store/rejudge.js';
import { madeReport } from '../builders/reports.js';
import { fixtureNames, TESTDATA } from './fixtures.js';

/** Reads every fixture, judges it again, and reports it under its own name. */
export async function fixtureReport(): Promise<Report> {
  const runs: StoredRunInput[] = [];
  for (const name of await fixtureNames()) {
    const directory = join(TESTDATA, name);
    const plan = await readPlan(directory);
    const { result } = await rejudge(directory);
    const bytes = await readFile(join(directory, 'console.bin')).catch(() => Buffer.alloc(0));
    const scenario = { ...plan.scenario, name };
    runs.push({
      runId: name,
      path: name,
      begun: true,
      plan: { ...plan, scenario },
      result: { ...result, scenario: name },
      console: reportedLines(excerptOf(result, bytes), result.evidence),
    });
  }
  return madeReport(runs);
}
