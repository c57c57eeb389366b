import { lstat, readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { usageFault } from '../model/fault.js';
import { NIGHT_SCHEMA, type NightVerdicts, NightVerdictsSchema } from '../model/night-verdict.js';
import { isCutOff } from '../model/result.js';
import { excerptOf } from '../report/console-excerpt.js';
import { type ReportInput, reportedLines, type StoredRunInput } from '../report/formats/report-model.js';
import { type Campaign, readCampaign, readRuns, type StoredRun } from '../store/campaign-directory.js';
import { RECORDING } from '../store/recorder.js';
import { readPlan, readResult, whyNoResult } from '../store/run-directory.js';
import { exists, readJson, readStored } from '../store/stored-file.js';
import { sweptFor } from '../sweep/swept-run.js';
import { attemptsByPlan } from './resume.js';

/** Lines of a console that a report shows of a run. */
const LINES = { maxLines: 25, linesAfter: 8 } as const;

/** What a night's directory holds when the night has ended. */
const VERDICTS = 'verdicts.json';
/** What it holds from its begin. */
const NIGHT = 'night.json';

/** What a sweep's directory holds when it has ended: its runs are other ones than the one that it was planned with. */
const SWEPT = 'map.json';

/** A directory to report: a run, a campaign, or a night with its campaigns. */
export interface ReportedDirectory {
  readonly input: Omit<ReportInput, 'version'>;
  /** The campaigns in it; none for a single run. */
  readonly campaigns: readonly { readonly directory: string; readonly campaign: Campaign }[];
}

/**
 * Reads what a directory has stored: `verdicts.json` of a night, the runs of each campaign, or one run. Throws a usage
 * fault for a directory that holds none of them, and for a `verdicts.json` that cannot be used.
 */
export async function readReported(reference: string): Promise<ReportedDirectory> {
  const directory = resolve(reference);
  if (await exists(join(directory, 'plan.json'))) return oneRun(directory);
  const night = await readNight(directory);
  const names = await campaignsIn(directory);
  if (names.length === 0 && night === undefined) {
    throw usageFault(
      `cannot report "${reference}": it holds neither a run, nor a campaign, nor a night; name a directory of crashpath list runs`,
    );
  }
  const campaigns = [];
  const runs: StoredRunInput[] = [];
  for (const name of names) {
    const campaign = await readCampaign(join(directory, name));
    campaigns.push({ directory: join(directory, name), campaign });
    runs.push(...(await runsOf(directory, { name, campaign })));
  }
  const startedAt = campaigns.map(({ campaign }) => campaign.createdAt).sort()[0];
  const [only] = campaigns;
  const title = names[0] === '' && only !== undefined ? only.campaign.name : basename(directory);
  return { input: { title, startedAt, runs, night }, campaigns };
}

async function oneRun(directory: string): Promise<ReportedDirectory> {
  const plan = await readPlan(directory);
  const run = { directory, runId: plan.runId, plan, result: await readResult(directory) };
  return {
    input: { title: `${plan.campaign}/${plan.runId}`, runs: [await inputOf(run, basename(directory))] },
    campaigns: [],
  };
}

/** A night's verdicts; undefined for what is no night. Without them its runs would be judged as those of a campaign. */
async function readNight(directory: string): Promise<NightVerdicts | undefined> {
  const path = join(directory, VERDICTS);
  if (!(await isNamed(path))) {
    if (!(await isNamed(join(directory, NIGHT)))) return undefined;
    throw usageFault(
      `cannot report "${directory}": the night has not ended, so it says nothing yet; continue it with crashpath nightly`,
    );
  }
  const stored = await readJson(path);
  const parsed = NightVerdictsSchema.safeParse(stored);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  const why = hasOtherSchema(stored)
    ? `it has schema ${stored.schema}, this crashpath reads ${NIGHT_SCHEMA}`
    : stored === undefined
      ? 'it is not a readable JSON file'
      : `${where}${issue?.message ?? 'it is damaged'}`;
  throw usageFault(
    `cannot read the night's verdicts "${path}": ${why}; crashpath nightly writes them, in schema ${NIGHT_SCHEMA}`,
    parsed.error,
  );
}

function hasOtherSchema(stored: unknown): stored is { readonly schema: number } {
  if (typeof stored !== 'object' || stored === null || !('schema' in stored)) return false;
  return typeof stored.schema === 'number' && stored.schema !== NIGHT_SCHEMA;
}

/** Names of the campaigns in a directory; an empty one for itself. */
async function campaignsIn(directory: string): Promise<string[]> {
  if (await exists(join(directory, 'campaign.json'))) return [''];
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const names: string[] = [];
  for (const entry of entries.filter((one) => one.isDirectory())) {
    if (await exists(join(directory, entry.name, 'campaign.json'))) names.push(entry.name);
  }
  return names.sort();
}

/** A campaign's runs: of those that were repeated only the last, and those that have not begun. */
async function runsOf(
  top: string,
  { name, campaign: { plans } }: { name: string; campaign: Campaign },
): Promise<StoredRunInput[]> {
  const stored = replacedDropped(await readRuns(join(top, name)));
  const attemptsOf = attemptsByPlan(stored);
  const planned = plans.map((plan) => {
    const attempts = attemptsOf(plan);
    const finished = attempts.find(({ result }) => result !== undefined && !isCutOff(result));
    return { plan, attempts, counted: finished ?? attempts.at(-1) };
  });
  const dropped = new Set(
    planned.flatMap(({ plan, attempts, counted }) =>
      // A sweep has runs of its own, and not that of its plan.
      attempts.filter(
        (attempt) =>
          attempt !== counted || (sweptFor(plan.scenario.name) !== undefined && isUnfinished(attempt)),
      ),
    ),
  );
  const begun: StoredRunInput[] = [];
  for (const run of stored.filter((one) => !dropped.has(one) && isRun(one))) {
    begun.push(await inputOf(run, name === '' ? run.runId : `${name}/${run.runId}`));
  }
  const hasSwept = await exists(join(top, name, SWEPT));
  const waiting = planned.flatMap(({ plan, counted }) =>
    counted === undefined && !hasSwept && sweptFor(plan.scenario.name) === undefined
      ? [{ runId: plan.runId, path: '', begun: false, plan, result: undefined, console: [] }]
      : [],
  );
  return [...begun, ...waiting];
}

/**
 * Without the runs of a sweep that were cut off and begun once more: the sweep takes those that came to an end. The letter in
 * front of their names is that of their map.
 */
function replacedDropped(stored: readonly StoredRun[]): StoredRun[] {
  const keyOf = ({ runId, plan, result }: StoredRun) => {
    const scenario = plan?.scenario.name ?? result?.scenario ?? '';
    return sweptFor(scenario) === undefined ? undefined : `${runId.split('-')[0]} ${scenario}`;
  };
  return stored.filter((run) => {
    const key = keyOf(run);
    if (key === undefined || !isUnfinished(run)) return true;
    const attempts = stored.filter((other) => keyOf(other) === key);
    // Of those that were all cut off, the last is the state: each name is that of the first and a number.
    const last = attempts.toSorted((one, other) => BY_NUMBER.compare(one.runId, other.runId)).at(-1);
    return run === last && attempts.every(isUnfinished);
  });
}

const BY_NUMBER = new Intl.Collator('en', { numeric: true });

function isUnfinished({ result }: StoredRun): boolean {
  return result === undefined || isCutOff(result);
}

/** A directory without a plan and a verdict is another's, or was made right before crashpath was killed. */
function isRun({ plan, result }: StoredRun): boolean {
  return plan !== undefined || result !== undefined;
}

async function inputOf({ directory, runId, plan, result }: StoredRun, path: string): Promise<StoredRunInput> {
  const whyNone = result === undefined ? await whyNoResult(directory) : undefined;
  const run = { runId, path, begun: true, plan, result, whyNoResult: whyNone };
  // What went as expected is not shown, unless a night says otherwise: there an expected hang counts as one.
  if (result?.verdict === 'captured' && result.outcome === 'expected') return { ...run, console: [] };
  const bytes = await readStored(join(directory, RECORDING.console)).catch(() => Buffer.alloc(0));
  return { ...run, console: reportedLines(excerptOf(result, bytes, LINES), result?.evidence) };
}

/** Also a link that leads nowhere: what cannot be read is not the same as what is not there. */
async function isNamed(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
