import { resolve } from 'node:path';
import { remainingPlans } from '../../campaign/resume.js';
import { EXIT, usageFault } from '../../model/fault.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { inRounds } from '../../plan/campaign-cells.js';
import { shellQuote } from '../../machine/qemu/arguments.js';
import { type LoadedCampaign, loadCampaign } from '../../prepare/campaign-files.js';
import { freshNonce, planRuns, planTrials } from '../../prepare/plan-runs.js';
import { readCampaign, readRuns } from '../../store/campaign-directory.js';
import { prepareOptions, say, SHIPPED } from '../context.js';
import { fixedByCampaign, fixedByFile, type RunArguments } from '../words/run.js';
import {
  beginCampaign,
  defaultJobs,
  freshCampaignName,
  requireOnlyDirectory,
  requireScenario,
} from './campaigns.js';

/** The modules that run guests, loaded late: neither a mistake nor --dry-run needs them. */
const running = () => import('./run-and-report.js');

/** Carries out `crashpath run` and prints results as they come. Returns the exit code. */
export async function runScenarios(argv: RunArguments): Promise<number> {
  return argv.resume === undefined ? fresh(argv) : resumed(argv, argv.resume);
}

async function fresh(argv: RunArguments): Promise<number> {
  const file = argv.campaign === undefined ? undefined : await fileOf(argv, argv.campaign);
  const name = argv.name ?? freshCampaignName(new Date(), file?.name);
  const plan = () => plansOf(argv, { file, campaign: name });
  if (argv.dryRun) return printCommands(await plan());
  const stored = file === undefined ? undefined : { name: file.name, summary: file.summary, jobs: file.jobs };
  const { directory, plans } = await beginCampaign({ name, out: argv.out, file: stored, plan });
  const jobs = argv.jobs ?? file?.jobs ?? defaultJobs(plans);
  return (await running()).runAndReport(directory, plans, { json: argv.json, jobs, campaign: plans });
}

async function plansOf(
  argv: RunArguments,
  { file, campaign }: { file: LoadedCampaign | undefined; campaign: string },
): Promise<RunPlan[]> {
  if (file !== undefined) return planTrials(inRounds(file.cells), argv, { ...prepareOptions(), campaign });
  requireScenario(argv.scenario);
  requireKernel(argv);
  return planRuns(argv, { ...prepareOptions(), campaign });
}

function requireKernel({ scenario, kernel }: RunArguments): void {
  if (kernel.length > 0) return;
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

/** One command line per run, quoted for a shell, which splits it into exactly QEMU's arguments. */
function printCommands(plans: readonly RunPlan[]): number {
  for (const { qemu } of plans) process.stdout.write(`${shellQuote([qemu.binary, ...qemu.args])}\n`);
  return EXIT.expected;
}
