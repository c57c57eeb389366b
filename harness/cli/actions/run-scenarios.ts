import { resolve } from 'node:path';
import { readBegun } from '../../campaign/read-begun.js';
import { remainingPlans } from '../../campaign/resume.js';
import { type BuiltDistribution, buildDistribution, requireOpeners } from '../../distribution/build.js';
import type { Distribution } from '../../model/distribution.js';
import { usageFault } from '../../model/fault.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { inRounds } from '../../plan/campaign-cells.js';
import { HANGS, type Until } from '../../plan/until.js';
import { type LoadedCampaign, loadCampaign } from '../../prepare/campaign-files.js';
import type { PlannedHost } from '../../prepare/options.js';
import { freshNonce, planTrialsOnHosts } from '../../prepare/plan-runs.js';
import { trialsOf } from '../../prepare/trials.js';
import { type Campaign, readCampaign } from '../../store/campaign-directory.js';
import { withCampaignLock } from '../../store/campaign-lock.js';
import { countOf } from '../../report/words.js';
import { prepareOptions, say, SHIPPED } from '../context.js';
import { requireKeptHere } from '../words/guest-options.js';
import {
  fixedByCampaign,
  fixedByFile,
  MOST_UNTIL_HANG,
  requireObeyedByDistribution,
  type RunArguments,
} from '../words/run.js';
import {
  beginCampaign,
  freshCampaignName,
  jobsHere,
  jobsThere,
  requireOnlyDirectory,
  requireScenario,
} from './campaigns.js';
import { printCommands } from './print-commands.js';

/** The modules that run guests, loaded late: neither a mistake nor --dry-run needs them. */
const running = () => import('./run-and-report.js');

/** Carries out `crashpath run` and prints results as they come. Returns the exit code. */
export async function runScenarios(argv: RunArguments): Promise<number> {
  return argv.resume === undefined ? fresh(argv) : resumed(argv, argv.resume);
}

async function fresh(argv: RunArguments): Promise<number> {
  requireKeptHere(argv);
  requireObeyedByDistribution(argv);
  const file = argv.campaign === undefined ? undefined : await fileOf(argv, argv.campaign);
  const name = argv.name ?? freshCampaignName(new Date(), file?.name);
  if (argv.host.length > 0) return freshOnHosts(argv, { file, name });
  const plan = async () => (await plansOf(argv, { file, campaign: name }))[0] ?? [];
  const until = untilOf(argv, file);
  if (argv.dryRun) return printCommands(await plan());
  const { directory, plans } = await beginCampaign({
    ...{ name, out: argv.out, file: storedFile(file), until, plan },
  });
  return withCampaignLock(directory, async () =>
    (await running()).runAndReport(directory, plans, {
      ...{ json: argv.json, clones: clonesIn(argv, plans) && file?.clone !== false, until, campaign: plans },
      ...(await jobsHere(argv.jobs ?? file?.jobs, plans, say)),
    }),
  );
}

/** As {@link fresh}, on the hosts of `--host`. */
async function freshOnHosts(
  argv: RunArguments,
  { file, name }: { file: LoadedCampaign | undefined; name: string },
): Promise<number> {
  if (argv.dryRun) {
    throw usageFault(
      `cannot use --dry-run with --host "${argv.host.join(' ')}": the command line is made there; drop one of them`,
    );
  }
  const jobs = jobsThere(argv.jobs ?? file?.jobs);
  const until = untilOf(argv, file);
  using pool = (await running()).hostPool(argv.host);
  let all: readonly RunPlan[][] = [];
  const hosts = () => argv.host.map((host, index) => ({ name: host, plans: all[index] ?? [] }));
  const { directory, plans } = await beginCampaign({
    name,
    out: argv.out,
    file: storedFile(file),
    until,
    plan: async () => {
      all = await plansOf(argv, { file, campaign: name, hosts: pool.planned });
      return all[0] ?? [];
    },
    hosts,
  });
  const seats = await pool.seats(hosts(), jobs);
  // Awaited here: the hosts are in use until then.
  return await withCampaignLock(directory, async () =>
    (await running()).runAndReport(directory, plans, {
      json: argv.json,
      clones: argv.clone && file?.clone !== false,
      jobs: roomOf(seats),
      seats,
      until,
      campaign: plans,
    }),
  );
}

/** After how many hangs a cell has enough runs; undefined: after all of them. */
function untilOf(
  { untilHang, repeat }: Pick<RunArguments, 'untilHang' | 'repeat'>,
  file: LoadedCampaign | undefined,
): Until | undefined {
  const count = untilHang ?? file?.untilHang;
  if (count === undefined) return undefined;
  // The cells of a file have their own numbers, each with the factor --repeat in it.
  const most = file === undefined ? (repeat ?? MOST_UNTIL_HANG) : mostRuns(file);
  if (most < count) {
    const [option, remedy] =
      file === undefined
        ? [`--until-hang "${count}" with --repeat "${most}"`, `give --repeat ${count} or more`]
        : [`untilHang ${count}`, `set repeat to ${count} or more, or give --repeat`];
    throw usageFault(
      `cannot use ${option}: no more than ${countOf(most, 'run')} of a cell can hang; ${remedy}`,
    );
  }
  return { count, verdicts: HANGS };
}

/** The runs of the cell that has most. */
function mostRuns({ cells }: LoadedCampaign): number {
  return Math.max(...cells.map(({ repeat }) => repeat));
}

function storedFile(file: LoadedCampaign | undefined) {
  if (file === undefined) return undefined;
  const { name, summary, jobs, clone } = file;
  return { name, summary, jobs, clone };
}

function roomOf(seats: readonly { readonly jobs: number }[]): number {
  return seats.reduce((sum, { jobs }) => sum + jobs, 0);
}

/** The plans for each host; for this one when none is named. */
async function plansOf(
  argv: RunArguments,
  {
    file,
    campaign,
    hosts,
  }: {
    file: LoadedCampaign | undefined;
    campaign: string;
    hosts?: readonly PlannedHost[];
  },
): Promise<RunPlan[][]> {
  const options = { ...prepareOptions(), campaign, hosts };
  if (file !== undefined) {
    const repack = argv.repack ?? file.repack;
    return planTrialsOnHosts(inRounds(file.cells), { ...argv, repack, distribution: undefined }, options);
  }
  requireScenario(argv.scenario);
  const distribution = await distributionOf(argv, options);
  requireKernel(argv, distribution);
  const kernel = distribution === undefined ? argv.kernel : [distribution.directory];
  const repeat = argv.repeat ?? (argv.untilHang === undefined ? undefined : MOST_UNTIL_HANG);
  const trials = await trialsOf({ ...argv, kernel, repeat }, options);
  // One of each before the second of any: what changes on the host meanwhile changes for all of them.
  return planTrialsOnHosts(
    trials.toSorted((one, other) => one.trial - other.trial),
    { ...argv, distribution: distribution && bootedOf(distribution) },
    options,
  );
}

/** A state that is saved has no disk: a distribution boots in each run. */
function clonesIn({ clone }: Pick<RunArguments, 'clone'>, plans: readonly RunPlan[]): boolean {
  return clone && plans.every(({ distribution }) => distribution === undefined);
}

/** What a plan keeps of a distribution. */
function bootedOf({ spec, key, disk, diskBytes, initrd, packages }: BuiltDistribution): Distribution {
  return { spec, key, disk, diskBytes, initrd, packages };
}

/** The distribution of `--distribution`, built or from the cache, once it is known that its dump can be opened here. */
async function distributionOf(
  { distribution: spec }: RunArguments,
  options: Parameters<typeof buildDistribution>[1],
): Promise<BuiltDistribution | undefined> {
  if (spec === undefined) return undefined;
  await requireOpeners();
  return await buildDistribution(spec, options);
}

function requireKernel(
  { scenario, kernel }: RunArguments,
  distribution: BuiltDistribution | undefined,
): void {
  if (kernel.length > 0 || distribution !== undefined) return;
  throw usageFault(
    `cannot run "${scenario.join(' ')}": no kernel is given; give --kernel, e.g. --kernel debian:6.1`,
  );
}

/** The campaign file, narrowed down to the scenarios and kernels that are named with it. */
async function fileOf(argv: RunArguments, reference: string): Promise<LoadedCampaign> {
  const ignored = fixedByFile(argv);
  if (ignored.length > 0) {
    throw usageFault(
      `cannot run campaign file "${reference}" with ${ignored.join(' ')}: the file describes its guests; set it there, or run the scenarios without --campaign`,
    );
  }
  const choices = { scenarios: argv.scenario, kernels: argv.kernel, scale: argv.repeat ?? 1 };
  return loadCampaign(reference, choices, SHIPPED);
}

async function resumed(argv: RunArguments, reference: string): Promise<number> {
  requireOnlyDirectory(reference, 'a campaign', fixedByCampaign(argv));
  const directory = resolve(reference);
  const campaign = await readCampaign(directory);
  if (campaign.sizes !== undefined)
    throw usageFault(
      `cannot resume campaign "${reference}": it is a search of a size; continue it with crashpath crashkernel-size --resume`,
    );
  await requireNoSweep(reference, campaign);
  if (argv.dryRun) {
    const { begun } = await readBegun(directory, { repair: false });
    return printCommands(remainingPlans(campaign.plans, begun, freshNonce));
  }
  return withCampaignLock(directory, () => carryOn(argv, { directory, campaign }));
}

/** Throws a usage fault for a sweep: its plan is only what its runs are derived from. */
async function requireNoSweep(reference: string, { plans }: Campaign): Promise<void> {
  const { sweepOf } = await import('../../sweep/sweep-of.js');
  if (plans.some(({ scenario }) => sweepOf(scenario.name) !== undefined))
    throw usageFault(
      `cannot resume campaign "${reference}": it is a sweep; continue it with crashpath sweep --resume`,
    );
}

async function carryOn(
  argv: RunArguments,
  { directory, campaign }: { readonly directory: string; readonly campaign: Campaign },
): Promise<number> {
  const { begun, earlier } = await readBegun(directory, { repair: true });
  const plans = remainingPlans(campaign.plans, begun, freshNonce);
  say(`${campaign.name}: ${plans.length} of ${campaign.plans.length} runs left`);
  const given = argv.jobs ?? campaign.file?.jobs;
  const { hosts, until } = campaign;
  const clones = clonesIn(argv, plans) && campaign.file?.clone !== false;
  const common = { json: argv.json, clones, until, campaign: campaign.plans, earlier };
  const { runAndReport, hostPool } = await running();
  if (hosts === undefined) {
    return runAndReport(directory, plans, { ...common, ...(await jobsHere(given, plans, say)) });
  }
  using pool = hostPool(hosts.map(({ name }) => name));
  const seats = await pool.seats(hosts, jobsThere(given));
  return await runAndReport(directory, plans, { ...common, seats, jobs: roomOf(seats) });
}
