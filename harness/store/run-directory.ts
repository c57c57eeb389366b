import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../model/errno.js';
import { usageFault } from '../model/fault.js';
import type { RunEvent } from '../model/event.js';
import { type RunResult, RunResultSchema } from '../model/result.js';
import { type RunPlan, RunPlanSchema } from '../plan/run-plan.js';
import { storeFault } from './store-fault.js';
import { readJson, whyUnreadable, writeJson } from './stored-file.js';

/** Files of a run directory beside the recording. */
const FILES = { plan: 'plan.json', timeline: 'timeline.json', verdict: 'verdict.json' } as const;

/** The events of a run, in its directory. */
export const TIMELINE = FILES.timeline;
/** Its result. */
export const VERDICT = FILES.verdict;

/** Makes `<campaign>/<runId>` (0700) with its plan. Throws a usage fault when it exists, a harness fault otherwise. */
export async function createRunDirectory(campaignDirectory: string, plan: RunPlan): Promise<string> {
  const directory = join(campaignDirectory, plan.runId);
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') {
      throw usageFault(`cannot create run "${directory}": it exists already; choose another --out`, error);
    }
    throw storeFault('create', directory, error);
  }
  await writeJson(join(directory, FILES.plan), plan);
  return directory;
}

/** Saves the results of a recording: first the timeline, then the verdict. */
export async function saveOutcome(
  directory: string,
  { events, result }: { events: readonly RunEvent[]; result: RunResult },
): Promise<void> {
  await writeJson(join(directory, FILES.timeline), events);
  await saveResult(directory, result);
}

/** Saves a run's result. */
export async function saveResult(directory: string, result: RunResult): Promise<void> {
  await writeJson(join(directory, FILES.verdict), result);
}

/** Reads a run's plan. Throws a usage fault when the directory is not a run's, or has another schema. */
export async function readPlan(directory: string): Promise<RunPlan> {
  const stored = await readJson(join(directory, FILES.plan));
  const parsed = RunPlanSchema.safeParse(stored);
  if (parsed.success) return parsed.data;
  throw usageFault(
    `cannot read run "${directory}": ${whyUnreadable(stored, FILES.plan)}; name a directory runs/<campaign>/<run>`,
    parsed.error,
  );
}

/** Reads a run's stored result; undefined when the run has none. */
export async function readResult(directory: string): Promise<RunResult | undefined> {
  const parsed = RunResultSchema.safeParse(await readJson(join(directory, FILES.verdict)));
  return parsed.success ? { ...parsed.data, directory } : undefined;
}

/** Why a run has no result: it was cut off, or its verdict is damaged or of another version. */
export async function whyNoResult(directory: string): Promise<string> {
  const path = join(directory, FILES.verdict);
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  );
  return isThere ? whyUnreadable(await readJson(path), FILES.verdict) : 'the run was cut off';
}
