import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { ArgumentsCamelCase, CommandModule } from 'yargs';
import { remainingPlans } from '../campaign/resume.js';
import { EXIT, usageFault } from '../model/fault.js';
import { type RunPlan, STORE_SCHEMA } from '../model/run-plan.js';
import { shellQuote } from '../plan/qemu-arguments.js';
import { createCampaignDirectory, readCampaign, readRuns } from '../store/campaign-directory.js';
import { openOutDirectory } from '../store/out-directory.js';
import { say, setQuiet } from './context.js';
import { SPEC } from './kernel.js';
import type { AccelRequest } from '../qemu/accel/choose-accelerator.js';
import { freshNonce, planRuns } from './plan-runs.js';
import { runAndReport } from './run-and-report.js';

/** Options as they are spelled; yargs hands them over in camelCase. */
interface Options {
  scenario: string[];
  kernel: string[];
  'capture-kernel': string | undefined;
  append: string | undefined;
  'capture-append': string | undefined;
  crashkernel: string | undefined;
  cpus: number | undefined;
  memory: number | undefined;
  machine: string | undefined;
  'cpu-model': string | undefined;
  accel: AccelRequest;
  repeat: number;
  jobs: number | undefined;
  'timeout-scale': number;
  out: string;
  campaign: string | undefined;
  resume: string | undefined;
  json: boolean;
  'dry-run': boolean;
  quiet: boolean;
}

type Arguments = ArgumentsCamelCase<Options>;

/** `crashpath run`: scenarios x kernels x repeats. */
export const runCommand: CommandModule<object, Options> = {
  command: 'run [scenario..]',
  describe: 'Run scenarios against kernels and say, with proof, whether the capture kernel came up',
  builder: (yargs) =>
    yargs
      .positional('scenario', {
        type: 'string',
        array: true,
        default: [],
        describe: 'Names (crashpath list) or .yaml files',
      })
      .option('kernel', { type: 'string', array: true, default: [], alias: 'k', describe: SPEC })
      .option('capture-kernel', {
        type: 'string',
        describe: 'Capture kernel, same forms; absent: the kernel itself',
      })
      .option('append', { type: 'string', describe: "Added to the production kernel's command line" })
      .option('capture-append', { type: 'string', describe: "Added to the capture kernel's command line" })
      .option('crashkernel', { type: 'string', describe: 'Reservation, e.g. 256M (default 192M)' })
      .option('cpus', { type: 'number', describe: 'vCPUs (default 2, or as the scenario wants)' })
      .option('memory', { type: 'number', describe: 'Guest memory in MiB (default 768)' })
      .option('machine', { type: 'string', describe: 'QEMU machine type (default pc)' })
      .option('cpu-model', {
        type: 'string',
        describe: 'QEMU CPU model (default host under KVM, max under TCG)',
      })
      .option('accel', {
        choices: ['auto', 'kvm', 'tcg'] as const,
        default: 'auto' as const,
        describe: 'auto proves KVM with a guest that does real work, else uses TCG',
      })
      .option('repeat', { type: 'number', default: 1, describe: 'Runs of each scenario and kernel' })
      .option('jobs', { type: 'number', describe: 'Guests at a time (default: cores / vCPUs)' })
      .option('timeout-scale', {
        type: 'number',
        default: 1,
        describe: 'Stretches every deadline, for slow hosts',
      })
      .option('out', { type: 'string', default: 'runs', describe: 'Where runs are kept' })
      .option('campaign', { type: 'string', describe: 'Name of the campaign (default: date and time)' })
      .option('resume', {
        type: 'string',
        describe: 'Directory of a campaign that was stopped: run what is left',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'One JSON object per run on stdout as it ends',
      })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: "Print each run's exact QEMU command line",
      })
      .option('quiet', { type: 'boolean', default: false, alias: 'q', describe: 'No progress on stderr' })
      .example('$0 run sysrq-task --kernel debian:6.1', 'The newest Debian 6.1, once')
      .example(
        '$0 run sysrq-task no-trigger -k debian:6.1 -k ./bzImage --repeat 5',
        'Two kernels, five times each',
      )
      .example('$0 run sysrq-task -k debian:6.1 --capture-kernel debian:6.12', 'Another capture kernel')
      .example('$0 run --resume runs/20260101-000000-ab12', 'Go on after Ctrl-C'),
  handler: async (argv) => {
    setQuiet(argv.quiet);
    process.exitCode = argv.resume === undefined ? await fresh(argv) : await resumed(argv, argv.resume);
  },
};

async function fresh(argv: Arguments): Promise<number> {
  checkNumbers(argv);
  const campaign = argv.campaign ?? campaignName(new Date());
  if (!/^[\w][\w.-]{0,63}$/.test(campaign)) {
    throw usageFault(
      `cannot use campaign name "${campaign}": it becomes a directory; use letters, digits, - and _`,
    );
  }
  const out = resolve(argv.out);
  if (!argv.dryRun) await openOutDirectory(out);
  const plans = await planRuns(argv, campaign);
  if (argv.dryRun) {
    for (const plan of plans) process.stdout.write(`${shellQuote([plan.qemu.binary, ...plan.qemu.args])}\n`);
    return EXIT.expected;
  }
  const directory = await createCampaignDirectory(out, {
    schema: STORE_SCHEMA,
    name: campaign,
    createdAt: new Date().toISOString(),
    plans,
  });
  return runAndReport(directory, plans, { ...argv, jobs: jobsFor(argv.jobs, plans) });
}

async function resumed(argv: Arguments, directory: string): Promise<number> {
  if (argv.scenario.length > 0 || argv.kernel.length > 0) {
    throw usageFault(
      'cannot --resume with scenarios or kernels: a campaign keeps its own; name only the directory',
    );
  }
  const campaign = await readCampaign(directory);
  const begun = await readRuns(directory);
  const plans = remainingPlans(campaign.plans, begun, freshNonce);
  const earlier = begun.flatMap(({ result }) => (result === undefined ? [] : [result]));
  say(`${campaign.name}: ${plans.length} of ${campaign.plans.length} runs left`);
  return runAndReport(resolve(directory), plans, { ...argv, jobs: jobsFor(argv.jobs, plans), earlier });
}

function checkNumbers(argv: Arguments): void {
  const whole: [string, number | undefined, number, number][] = [
    ['--repeat', argv.repeat, 1, 10_000],
    ['--cpus', argv.cpus, 1, 64],
    ['--memory', argv.memory, 128, 65_536],
    ['--jobs', argv.jobs, 1, 256],
  ];
  for (const [name, value, least, most] of whole) {
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) continue;
    throw usageFault(
      `cannot use ${name} "${value}": it must be a whole number from ${least} to ${most}; correct it`,
    );
  }
  if (!(argv.timeoutScale >= 0.1 && argv.timeoutScale <= 100)) {
    throw usageFault(
      `cannot use --timeout-scale "${argv.timeoutScale}": it must be from 0.1 to 100; correct it`,
    );
  }
}

/** One guest for as many cores as it has vCPUs. */
function jobsFor(jobs: number | undefined, plans: readonly RunPlan[]): number {
  const widest = Math.max(1, ...plans.map((plan) => plan.machine.cpus));
  return jobs ?? Math.max(1, Math.floor(availableParallelism() / widest));
}

/** Sorts by time; the tail keeps two campaigns of one second apart. */
function campaignName(now: Date): string {
  const digits = now.toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
  return `${digits}-${randomBytes(2).toString('hex')}`;
}
