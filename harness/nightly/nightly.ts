import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fault, usageFault } from '../model/fault.js';
import { STORE_SCHEMA } from '../model/record.js';
import type { NightRead } from '../night/read-night.js';
import { nameNight } from '../night/night-name.js';
import type { NightRecord } from '../night/night-record.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { ShippedFiles } from '../prepare/options.js';
import { createCampaignDirectory } from '../store/campaign-directory.js';
import { writeText } from '../store/stored-file.js';
import { runHooks } from './hooks.js';
import { withNightLock } from './lock.js';
import {
  appendJournal,
  CAMPAIGN,
  durationsIn,
  endedNights,
  isTold,
  kernelsIn,
  makeNightDirectory,
  NIGHT_FILES,
  nightNames,
  nightsIn,
  readNights,
  removeUnplanned,
  spentIn,
  type StoredNight,
  TOLD,
  writeRecord,
} from './night-directory.js';
import { armIn, runOnHost, sureRuns } from './night-runs.js';
import { type Planned, planNight, type Standing } from './plan-night.js';
import { pruneNights } from './prune.js';
import { isUnfinishing, type NightOutcome, runNight } from './run-night.js';
import type { NightWorks } from './works.js';

/** Options of {@link nightly}. */
export interface NightlyOptions {
  /** Absolute path of the output directory; it exists. */
  readonly out: string;
  /** Directory of the night's file. */
  readonly base: string;
  readonly files: ShippedFiles;
  readonly crashpathVersion: string;
  readonly again: boolean;
  /** Name of the night to continue; absent: the newest that has not ended, else a new one. */
  readonly resume: string | undefined;
  readonly settleMs: number;
  readonly signal: AbortSignal;
}

/** How a call ended. */
export type NightlyEnd =
  | {
      readonly kind: 'ended';
      readonly outcome: NightOutcome;
      readonly directory: string;
      readonly standing: readonly Standing[];
      /** Hooks that failed. */
      readonly hookFailures: readonly string[];
    }
  | Extract<Planned, { kind: 'nothing-new' }>
  /** Stopped by a signal, or by a fault: the night is continued by the next call. */
  | { readonly kind: 'unfinished'; readonly night: string; readonly fault: Fault | undefined };

/**
 * Carries out a night, or continues the one that has not ended. Only one at a time may run in an output directory. Throws
 * usage faults for mistakes in the file and for a night that runs already, harness faults before a night has begun.
 */
export async function nightly(
  night: NightRead,
  works: NightWorks,
  options: NightlyOptions,
): Promise<NightlyEnd> {
  const nights = nightsIn(options.out);
  return await withNightLock(nights, { since: works.wallClock() }, async () => {
    await removeUnplanned(nights);
    const { nights: stored, damaged } = await readNights(nights);
    const unfinished = unfinishedNight(stored, night, options);
    if (unfinished !== undefined) {
      works.say(`night ${unfinished.record.night} has not ended: it is continued, as it was planned`);
      return await carryOut(night, { works, options, stored, standing: [] }, unfinished);
    }
    for (const line of await pruneNights(nights, night)) works.say(line);
    const untold = await tellLast(stored, night, works);
    const begun = await begin(night, works, { ...options, stored, damaged: [...untold, ...damaged] });
    if (begun.kind === 'nothing-new') return begun;
    return await carryOut(night, { works, options, stored, standing: begun.standing }, begun);
  });
}

/** Runs the hooks of the last night that ended, when a kill has kept them from it. Returns lines about those that failed. */
async function tellLast(
  stored: readonly StoredNight[],
  night: NightRead,
  works: NightWorks,
): Promise<string[]> {
  const last = stored.findLast(({ record }) => record.name === night.name);
  const { verdicts, directory = '' } = last ?? {};
  if (verdicts?.exitCode === undefined || (await isTold(directory))) return [];
  works.say(`night ${verdicts.night} has ended, but its hooks did not: they run now`);
  const markdown = await readFile(join(directory, NIGHT_FILES.markdown), 'utf8').catch(() => '');
  const about = { name: night.name, directory, now: works.wallClock() };
  const failures = await runHooks(night.hooks, { verdicts, markdown, exitCode: verdicts.exitCode }, about);
  await noteTold(directory, works);
  return failures;
}

async function noteTold(directory: string, works: NightWorks): Promise<void> {
  const at = works.wallClock().toISOString();
  await appendJournal(directory, { at, spentMs: await spentIn(directory), what: TOLD });
}

function unfinishedNight(
  stored: readonly StoredNight[],
  { name }: NightRead,
  { resume, again }: NightlyOptions,
): Pick<StoredNight, 'directory' | 'record'> | undefined {
  const own = stored.filter(({ record }) => record.name === name);
  const open = own.filter(({ verdicts, damage }) => verdicts === undefined && damage === undefined);
  if (resume !== undefined) {
    const named = own.find(({ record }) => record.night === resume);
    if (named === undefined) {
      throw usageFault(
        `cannot resume night "${resume}": there is no such night of "${name}"; see runs/nights`,
      );
    }
    if (named.verdicts !== undefined) {
      throw usageFault(
        `cannot resume night "${resume}": it has ended; run crashpath nightly without --resume`,
      );
    }
    return named;
  }
  const last = open.at(-1);
  if (last === undefined || !again) return last;
  throw usageFault(
    `cannot use --again: night ${last.record.night} has not ended; continue it first, without --again`,
  );
}

/** Plans a new night and writes all that decides it; night.json last, which makes it a night. */
async function begin(
  night: NightRead,
  works: NightWorks,
  options: NightlyOptions & { readonly stored: readonly StoredNight[]; readonly damaged: readonly string[] },
): Promise<
  | Extract<Planned, { kind: 'nothing-new' }>
  | { kind: 'begun'; directory: string; record: NightRecord; standing: readonly Standing[] }
> {
  const nights = nightsIn(options.out);
  const startedAt = works.wallClock();
  const { name, warning } = nameNight(startedAt, await nightNames(nights));
  if (warning !== undefined) works.complain(warning);
  const planned = await planNight(night, works, {
    ...options,
    night: name,
    directory: join(nights, name),
    startedAt,
    former: endedNights(options.stored),
    keepIn: kernelsIn(nights),
  });
  for (const line of planned.kind === 'night' ? planned.record.faults : planned.faults) works.complain(line);
  for (const line of planned.kind === 'night' ? planned.record.deferred : planned.deferred)
    works.complain(line);
  if (planned.kind === 'nothing-new') return planned;
  const { record, scenarios, standing } = planned;
  const directory = await makeNightDirectory(nights, name);
  await mkdir(join(directory, NIGHT_FILES.scenarios), { mode: 0o700 });
  for (const scenario of scenarios) {
    // JSON is YAML: a file that `crashpath run` takes.
    const text = `${JSON.stringify(scenario, undefined, 1)}\n`;
    await writeText(join(directory, NIGHT_FILES.scenarios, `${scenario.name}.yaml`), text);
  }
  const plans = sureRuns(record, works.freshNonce);
  const armOf = ({ runId }: RunPlan) => record.arms.find(({ id }) => id === armIn(runId));
  await createCampaignDirectory(directory, {
    schema: STORE_SCHEMA,
    name: CAMPAIGN,
    createdAt: startedAt.toISOString(),
    plans,
    ...(record.hosts.length === 0
      ? {}
      : {
          hosts: record.hosts.map((host) => ({
            name: host,
            plans: plans.map((plan) => runOnHost(plan, armOf(plan), host)),
          })),
        }),
  });
  await writeRecord(directory, record);
  return { kind: 'begun', directory, record, standing };
}

async function carryOut(
  night: NightRead,
  {
    works,
    options,
    stored,
    standing,
  }: {
    works: NightWorks;
    options: NightlyOptions;
    stored: readonly StoredNight[];
    standing: readonly Standing[];
  },
  { directory, record }: Pick<StoredNight, 'directory' | 'record'>,
): Promise<NightlyEnd> {
  let outcome: NightOutcome | undefined;
  try {
    const durations = await durationsOf(stored, record.name);
    outcome = await runNight(directory, record, {
      works,
      options: { signal: options.signal, durations, former: endedNights(stored) },
    });
  } catch (error) {
    if (!isUnfinishing(error)) throw error;
    return { kind: 'unfinished', night: record.night, fault: error };
  }
  if (outcome === undefined) return { kind: 'unfinished', night: record.night, fault: undefined };
  for (const line of await pruneNights(nightsIn(options.out), night)) works.say(line);
  const about = { name: record.name, directory, now: works.wallClock() };
  const hookFailures = await runHooks(night.hooks, outcome, about);
  await noteTold(directory, works);
  return { kind: 'ended', outcome, directory, standing, hookFailures };
}

/** How long runs took in the newest night of that name that has some. */
export async function durationsOf(
  stored: readonly StoredNight[],
  name: string,
): Promise<ReadonlyMap<string, number>> {
  for (const { directory, record } of stored.toReversed()) {
    if (record.name !== name) continue;
    const durations = await durationsIn(directory);
    if (durations.size > 0) return durations;
  }
  return new Map();
}

/** Plans a night and writes nothing but to the cache: what `--dry-run` prints. */
export async function rehearse(
  night: NightRead,
  works: NightWorks,
  options: NightlyOptions,
): Promise<{ planned: Planned; unfinished: string | undefined; durations: ReadonlyMap<string, number> }> {
  const nights = nightsIn(options.out);
  const { nights: stored, damaged } = await readNights(nights);
  const unfinished = unfinishedNight(stored, night, { ...options, again: false });
  const startedAt = works.wallClock();
  const { name } = nameNight(startedAt, await nightNames(nights));
  const planned = await planNight(night, works, {
    ...options,
    night: name,
    directory: join(nights, name),
    startedAt,
    former: endedNights(stored),
    damaged,
    keepIn: undefined,
  });
  return { planned, unfinished: unfinished?.record.night, durations: await durationsOf(stored, night.name) };
}
