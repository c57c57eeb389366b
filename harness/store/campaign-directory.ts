import { type Dirent, readdirSync } from 'node:fs';
import { appendFile, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { errnoOf } from '../model/errno.js';
import { usageFault } from '../model/fault.js';
import { type RunResult, RunResultSchema } from '../model/result.js';
import { STORE_SCHEMA } from '../model/record.js';
import { shellQuote } from '../model/shell-words.js';
import { GUEST_LIMITS } from '../plan/guest-defaults.js';
import { type RunPlan, RunPlanSchema } from '../plan/run-plan.js';
import { UntilSchema } from '../plan/until.js';
import { PackedPlansSchema, packPlans } from './packed-plans.js';
import { readResult } from './run-directory.js';
import { storeFault } from './store-fault.js';
import { exists, readJson, readJsonSync, whyUnreadable, writeJson } from './stored-file.js';

const FILES = {
  campaign: 'campaign.json',
  report: 'report.html',
  cells: 'cells.json',
} as const;

/** One result a line, in the order in which runs ended. */
export const RESULTS = 'results.jsonl';
/** The directory of a campaign with the recordings of templates; it is no run. */
export const TEMPLATES = 'templates';

const CampaignSchema = z.object({
  schema: z.literal(STORE_SCHEMA),
  name: z.string(),
  /** ISO 8601, by the host's clock. */
  createdAt: z.string(),
  /** Of a campaign file: its name and summary, and how its guests run. */
  file: z
    .object({
      name: z.string(),
      summary: z.string(),
      jobs: z.union([z.number().int(), z.literal('auto')]).optional(),
      clone: z.boolean().optional(),
    })
    .optional(),
  /** Of a sweep of variants: their names, in the order of the plans. */
  variants: z.array(z.string().max(64)).max(64).optional(),
  /** Of a sweep: the upper limit of the points, or locks, that are tried for each map; absent in older ones. */
  pointsMost: z.number().int().optional(),
  /** When a cell has enough runs; absent: when all have ended. */
  until: UntilSchema.optional(),
  /** Of a search of the smallest crash kernel, MiB. */
  sizes: z
    .object({
      least: z.number().int().min(1),
      most: z.number().int().min(1).max(GUEST_LIMITS.memoryMiB.most),
      step: z.number().int().min(1),
      captures: z.number().int().min(1).max(1_000),
    })
    .optional(),
  plans: PackedPlansSchema,
  /** The same runs as they are planned for each host, when hosts were named; `local` is this one. */
  hosts: z
    .array(z.object({ name: z.string().max(300), plans: PackedPlansSchema }))
    .max(64)
    .optional(),
});

/** A campaign: all its plans, fixed when it began, so that it can be resumed. */
export type Campaign = z.infer<typeof CampaignSchema>;

/**
 * Makes `<out>/<name>` (0700) with all plans, or nothing when that fails. Throws a usage fault when the name is taken.
 */
export async function createCampaignDirectory(outDirectory: string, campaign: Campaign): Promise<string> {
  const directory = join(outDirectory, campaign.name);
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    throw errnoOf(error) === 'EEXIST' ? taken(campaign.name, error) : storeFault('create', directory, error);
  }
  try {
    await writeJson(join(directory, FILES.campaign), packed(campaign));
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  return directory;
}

function packed({ plans, hosts, ...rest }: Campaign) {
  const there = hosts?.map((host) => ({ name: host.name, plans: packPlans(host.plans) }));
  return { ...rest, plans: packPlans(plans), ...(there === undefined ? {} : { hosts: there }) };
}

/**
 * Throws the usage fault of {@link createCampaignDirectory} for a name that is taken, for use before long preparations.
 */
export async function requireFreeName(outDirectory: string, name: string): Promise<void> {
  if (await exists(join(outDirectory, name))) throw taken(name);
}

function taken(name: string, cause?: unknown): Error {
  return usageFault(
    `cannot create campaign "${name}": it exists already; choose another name or --resume it`,
    cause,
  );
}

/** Reads a campaign. Throws a usage fault when the directory does not hold one. */
export async function readCampaign(directory: string): Promise<Campaign> {
  const stored = await readJson(join(directory, FILES.campaign));
  const parsed = CampaignSchema.safeParse(stored);
  if (parsed.success) return parsed.data;
  throw usageFault(
    `cannot read campaign "${directory}": ${whyUnreadable(stored, FILES.campaign)}; name a directory runs/<campaign>`,
    parsed.error,
  );
}

/** Appends a result to the campaign's results.jsonl, in the order in which runs end. */
export async function appendResult(directory: string, result: RunResult): Promise<void> {
  const path = join(directory, RESULTS);
  try {
    await appendFile(path, `${JSON.stringify(result)}\n`, { mode: 0o600 });
  } catch (error) {
    throw storeFault('write', path, error);
  }
}

/** The path of a campaign's report. */
export function reportPath(directory: string): string {
  return join(directory, FILES.report);
}

/** Stores the table of a campaign file, for scripts. */
export async function writeCells(directory: string, table: unknown): Promise<void> {
  await writeJson(join(directory, FILES.cells), table);
}

/** One run directory of a campaign. */
export interface StoredRun {
  readonly directory: string;
  /** Name of the directory. */
  readonly runId: string;
  /** Absent when the run was cut off before its plan was written, or the plan is damaged. */
  readonly plan: RunPlan | undefined;
  /** Absent when the run has no verdict. */
  readonly result: RunResult | undefined;
}

/** All runs of a campaign that were begun, by name. */
export async function readRuns(campaignDirectory: string): Promise<StoredRun[]> {
  const entries = await readdir(campaignDirectory, { withFileTypes: true });
  const runs: StoredRun[] = [];
  for (const entry of entries.filter(isRunDirectory).sort(byName)) {
    const directory = join(campaignDirectory, entry.name);
    const plan = RunPlanSchema.safeParse(await readJson(join(directory, 'plan.json')));
    runs.push({ directory, runId: entry.name, plan: plan.data, result: await readResult(directory) });
  }
  return runs;
}

function isRunDirectory(entry: Dirent): boolean {
  return entry.isDirectory() && entry.name !== TEMPLATES;
}

const OutcomeSchema = RunResultSchema.pick({ schema: true, verdict: true, outcome: true });

/** What a list says of a stored run; see {@link StoredRun}. */
export interface StoredOutcome {
  readonly runId: string;
  readonly hasPlan: boolean;
  readonly result: Pick<RunResult, 'verdict' | 'outcome'> | undefined;
}

/**
 * The outcomes of a campaign's runs, by name, as {@link readRuns} finds them: without the rest of their results, and
 * without the plans of those that have one. Synchronous and one by one: of a hundred thousand runs none is kept.
 */
export function* readOutcomes(campaignDirectory: string): Generator<StoredOutcome> {
  const entries = readdirSync(campaignDirectory, { withFileTypes: true });
  for (const { name } of entries.filter(isRunDirectory).sort(byName)) {
    const read = (file: string) => readJsonSync(join(campaignDirectory, name, file));
    const result = OutcomeSchema.safeParse(read('verdict.json')).data;
    const hasPlan = result !== undefined || RunPlanSchema.safeParse(read('plan.json')).success;
    yield { runId: name, hasPlan, result };
  }
}

/** Names of the campaigns in an output directory, oldest first. */
export async function listCampaigns(outDirectory: string): Promise<string[]> {
  let entries;
  try {
    entries = await readdir(outDirectory, { withFileTypes: true });
  } catch {
    return [];
  }
  const names: string[] = [];
  for (const entry of entries.filter((candidate) => candidate.isDirectory()).sort(byName)) {
    if (await exists(join(outDirectory, entry.name, FILES.campaign))) names.push(entry.name);
  }
  return names;
}

/** The directory of the campaign that a path or a name means; undefined when it means none. */
export async function findCampaign(reference: string, outDirectory: string): Promise<string | undefined> {
  for (const candidate of [resolve(reference), join(outDirectory, reference)]) {
    if (await exists(join(candidate, FILES.campaign))) return candidate;
  }
  return undefined;
}

/**
 * Finds a run by its directory, by `campaign/run`, or by a run's name in the newest campaign that has it. Throws a
 * usage fault when there is none.
 */
export async function findRun(reference: string, outDirectory: string): Promise<string> {
  for (const candidate of [resolve(reference), join(outDirectory, reference)]) {
    if (await exists(join(candidate, 'plan.json'))) return candidate;
  }
  if (reference === basename(reference)) {
    for (const campaign of (await listCampaigns(outDirectory)).toReversed()) {
      const candidate = join(outDirectory, campaign, reference);
      if (await exists(join(candidate, 'plan.json'))) return candidate;
    }
  }
  const campaign = await findCampaign(reference, outDirectory);
  if (campaign !== undefined)
    throw usageFault(
      `cannot find run "${reference}": it is a campaign; name one of its runs, which crashpath show ${shellQuote([reference])} lists`,
    );
  throw usageFault(
    `cannot find run "${reference}": it is neither a run's directory nor the name of a run in "${outDirectory}"; see crashpath list runs`,
  );
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
