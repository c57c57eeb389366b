import { resolve } from 'node:path';
import { remainingPlans } from '../campaign/resume.js';
import { EXIT, usageFault } from '../model/fault.js';
import { STORE_SCHEMA } from '../model/record.js';
import type { RunPlan } from '../plan/run-plan.js';
import { inRounds } from '../plan/campaign-cells.js';
import { shellQuote } from '../machine/qemu/arguments.js';
import {
  createCampaignDirectory,
  readCampaign,
  readRuns,
  requireFreeName,
} from '../store/campaign-directory.js';
import { checkOutDirectory, openOutDirectory } from '../store/out-directory.js';
import { defaultJobs, freshCampaignName } from './campaign-defaults.js';
import { requireOnlyDirectory } from './campaign-options.js';
import { type LoadedCampaign, loadCampaign } from './campaign-files.js';
import { say } from './context.js';
import { outDirectory } from './places.js';
import { freshNonce, layOut, planRuns } from './plan-runs.js';
import { fixedByCampaign, fixedByFile, type RunArguments } from './run-options.js';

/** All that deals with guests, which a mistake or --dry-run need not wait for. */
const running = () => import('./run-and-report.js');

/** Carries out `crashpath run`, prints results as they come. Returns the exit code. */
export async function runScenarios(argv: RunArguments): Promise<number> {
  return argv.resume === undefined ? fresh(argv) : resumed(argv, argv.resume);
}

async function fresh(argv: RunArguments): Promise<number> {
  const file = argv.campaign === undefined ? undefined : await fileOf(argv, argv.campaign);
  const campaign = argv.name ?? freshCampaignName(new Date(), file?.name);
  const choices = { ...argv, repeat: argv.repeat ?? 1, timeoutScale: argv.timeoutScale ?? 1 };
  const plan = () =>
    file === undefined ? planRuns(choices, campaign) : layOut(inRounds(file.cells), { choices, campaign });
  if (argv.dryRun) return printCommands(await plan());
  const out = outDirectory(argv.out);
  await checkOutDirectory(out);
  await requireFreeName(out, campaign);
  const plans = await plan();
  await openOutDirectory(out);
  const directory = await createCampaignDirectory(out, {
    schema: STORE_SCHEMA,
    name: campaign,
    createdAt: new Date().toISOString(),
    ...(file === undefined ? {} : { file: { name: file.name, summary: file.summary, jobs: file.jobs } }),
    plans,
  });
  const jobs = argv.jobs ?? file?.jobs ?? defaultJobs(plans);
  return (await running()).runAndReport(directory, plans, { json: argv.json, jobs, campaign: plans });
}

/** The campaign file, narrowed down to the scenarios and kernels that are named beside it. */
async function fileOf(argv: RunArguments, reference: string): Promise<LoadedCampaign> {
  const ignored = fixedByFile(argv);
  if (ignored.length > 0) {
    throw usageFault(
      `cannot run campaign file "${reference}" with ${ignored.join(' ')}: what its guests are like is written in the file; write it there, or run the scenarios without --campaign`,
    );
  }
  return loadCampaign(reference, {
    scenarios: argv.scenario,
    kernels: argv.kernel,
    scale: argv.repeat ?? 1,
  });
}

async function resumed(argv: RunArguments, reference: string): Promise<number> {
  requireOnlyDirectory(reference, 'a campaign', [...argv.scenario, ...argv.kernel, ...fixedByCampaign(argv)]);
  const directory = resolve(reference);
  const campaign = await readCampaign(directory);
  const begun = await readRuns(directory);
  const plans = remainingPlans(campaign.plans, begun, freshNonce);
  if (argv.dryRun) return printCommands(plans);
  const earlier = begun.flatMap(({ result }) => (result === undefined ? [] : [result]));
  say(`${campaign.name}: ${plans.length} of ${campaign.plans.length} runs left`);
  const jobs = argv.jobs ?? campaign.file?.jobs ?? defaultJobs(plans);
  return (await running()).runAndReport(directory, plans, {
    json: argv.json,
    jobs,
    campaign: campaign.plans,
    earlier,
  });
}

/** One command line a run, which a shell takes apart into the very words that QEMU gets. */
function printCommands(plans: readonly RunPlan[]): number {
  for (const { qemu } of plans) process.stdout.write(`${shellQuote([qemu.binary, ...qemu.args])}\n`);
  return EXIT.expected;
}
