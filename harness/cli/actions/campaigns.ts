import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Slots } from '../../campaign/slots.js';
import { usageFault } from '../../model/fault.js';
import { STORE_SCHEMA } from '../../model/record.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { type Campaign, createCampaignDirectory, requireFreeName } from '../../store/campaign-directory.js';
import { sharePlans } from '../../store/packed-plans.js';
import { checkOutDirectory, openOutDirectory } from '../../store/out-directory.js';
import { outDirectory } from '../directories.js';
import type { Jobs } from '../words/option-values.js';

/** A campaign that is to begin. */
export interface NewCampaign {
  readonly name: string;
  /** The value of `--out`. */
  readonly out: string;
  /** The campaign file that it comes from. */
  readonly file?: Campaign['file'] | undefined;
  /** Of a sweep of variants: their names, in the order of the plans. */
  readonly variants?: Campaign['variants'] | undefined;
  /** Of a search of the smallest crash kernel: where it searches. */
  readonly sizes?: Campaign['sizes'] | undefined;
  /** Of a sweep: the upper limit of what is tried for each map. */
  readonly pointsMost?: Campaign['pointsMost'];
  /** When a cell of it has enough runs. */
  readonly until?: Campaign['until'] | undefined;
  /** Plans its runs, which may fetch and build kernels. */
  readonly plan: () => Promise<RunPlan[]>;
  /** After `plan`: the same runs as they are planned for each host that was named. */
  readonly hosts?: (() => Campaign['hosts']) | undefined;
}

/**
 * Begins a campaign: checks the directory, then plans, then writes. An unusable output directory is refused before a
 * kernel is fetched, and a mistake in a plan before a file is written.
 */
export async function beginCampaign({
  name,
  out,
  file,
  variants,
  sizes,
  pointsMost,
  until,
  plan,
  hosts: hostsOf,
}: NewCampaign): Promise<{ directory: string; plans: RunPlan[] }> {
  const parent = outDirectory(out);
  await checkOutDirectory(parent);
  await requireFreeName(parent, name);
  const plans = sharePlans(await plan());
  await openOutDirectory(parent);
  const createdAt = new Date().toISOString();
  const hosts = hostsOf?.();
  const directory = await createCampaignDirectory(parent, {
    schema: STORE_SCHEMA,
    name,
    createdAt,
    ...(file === undefined ? {} : { file }),
    ...(variants === undefined ? {} : { variants }),
    ...(sizes === undefined ? {} : { sizes }),
    ...(pointsMost === undefined ? {} : { pointsMost }),
    ...(until === undefined ? {} : { until }),
    plans,
    ...(hosts === undefined ? {} : { hosts }),
  });
  return { directory, plans };
}

/** Throws a usage fault when options are given that a campaign on disk has fixed already; `kind` is `a sweep`. */
export function requireOnlyDirectory(reference: string, kind: string, ignored: readonly string[]): void {
  if (ignored.length === 0) return;
  throw usageFault(
    `cannot resume "${reference}" with ${ignored.join(' ')}: ${kind} keeps what it was started with; name only the directory`,
  );
}

/** Throws a usage fault when no scenario is named. */
export function requireScenario(scenario: readonly string[]): void {
  if (scenario.length > 0) return;
  throw usageFault('cannot run "nothing": no scenario is named; name at least one of crashpath list');
}

/** Sorts by time; the random tail distinguishes campaigns of the same second. `kind` goes in between. */
export function freshCampaignName(now: Date, kind?: string): string {
  const digits = now.toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
  return [digits, kind, randomBytes(2).toString('hex')].filter((part) => part !== undefined).join('-');
}

/** Runs from which on a campaign on this host is worth measuring. */
const FEWEST_FOR_AUTO = 4;
/** The most guests at a time. */
const MOST_JOBS = 256;

/** How many guests of a campaign run at a time. */
export interface JobsHere {
  readonly jobs: number;
  readonly slots?: Slots | undefined;
}

/**
 * What `--jobs`, or a campaign file, means for plans on this host: a number, `auto`, or nothing. The host is measured
 * when `onNoMemory` can tell that it has no room for a guest.
 */
export async function jobsHere(
  jobs: Jobs | undefined,
  plans: readonly RunPlan[],
  say: (line: string) => void,
): Promise<JobsHere> {
  const isHere = plans.every(({ host }) => host === undefined);
  if (typeof jobs === 'number') return { jobs };
  if (!isHere) return { jobs: jobsThere(jobs) ?? defaultJobs(plans) };
  if (jobs === undefined && plans.length < FEWEST_FOR_AUTO) return { jobs: defaultJobs(plans) };
  const { measuredSlots } = await import('../../campaign/slots.js');
  return {
    jobs: MOST_JOBS,
    slots: measuredSlots({
      onNoMemory: (needMiB) =>
        say(`waiting for memory: the next guest needs ${needMiB} MiB that this host does not have free`),
    }),
  };
}

/** The value of `--jobs` for other hosts. Throws a usage fault for `auto`: a host is measured from itself. */
export function jobsThere(jobs: Jobs | undefined): number | undefined {
  if (jobs !== 'auto') return jobs;
  throw usageFault(
    'cannot use --jobs "auto" with --host: only this host is measured; give a number, or leave it out',
  );
}

/** How many guests run at the same time by default: one for as many host CPUs as the widest guest has vCPUs. */
export function defaultJobs(plans: readonly RunPlan[], hostCpus: number = availableParallelism()): number {
  const widest = Math.max(1, ...plans.map((plan) => plan.machine.cpus));
  return Math.max(1, Math.floor(hostCpus / widest));
}
