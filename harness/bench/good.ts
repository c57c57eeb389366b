#!/usr/bin/env node
/** `npm run bench:good`: many runs of healthy kernels on a busy host; each must be a clean capture. docs/zoo.md. */
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { beginCampaign, freshCampaignName } from '../cli/actions/campaigns.js';
import { prepareOptions, say } from '../cli/context.js';
import { vmcoreReading, wholeNumber } from '../cli/words/option-values.js';
import { single } from '../cli/words/shared-options.js';
import { EXIT, usageFault } from '../model/fault.js';
import { isCutOff } from '../model/result.js';
import { planRuns } from '../prepare/plan-runs.js';
import { readRuns } from '../store/campaign-directory.js';
import { carryOut } from './carry-out.js';
import { goodText, tallyGood } from './good-tally.js';
import { withLoad } from './load.js';
import { benchOptions, openPlans, runRest } from './run-rest.js';

/** Captured clean on every kernel below. */
const SCENARIOS = ['sysrq-task', 'serial-break', 'irqs-off', 'timer', 'softirq'];
const KERNELS = ['debian:6.1', 'debian:6.12', 'stock'];
const RUNS = 500;

await carryOut('bench:good', async () => {
  const argv = await wordsOf(hideBin(process.argv));
  refusePlanned(argv);
  const directory = argv.resume ?? (await begin(argv));
  const caught = await withLoad(argv.stress ?? availableParallelism(), () => runRest(directory, argv));
  const stored = (await readRuns(directory)).flatMap(({ result }) => (result === undefined ? [] : [result]));
  const tally = tallyGood(stored.filter((result) => !isCutOff(result)));
  process.stdout.write(argv.json ? `${JSON.stringify({ directory, ...tally })}\n` : `${goodText(tally)}\n`);
  const open = (await openPlans(directory)).length;
  if (open > 0) say(`${open} runs left: npm run bench:good -- --resume ${relative('.', directory)}`);
  if (caught !== undefined) return 128 + caught;
  return tally.others.length === 0 ? EXIT.expected : EXIT.unexpected;
});

type Words = Awaited<ReturnType<typeof wordsOf>>;

/** `--stress` is one loop for each CPU unless it is given. */
function wordsOf(words: readonly string[]) {
  return benchOptions(yargs([...words]).scriptName('npm run bench:good --'))
    .option('runs', {
      ...single(wholeNumber('--runs', { least: 1, most: 10_000 })),
      describe: `How many runs (default ${RUNS})`,
    })
    .option('scenario', {
      type: 'string',
      array: true,
      describe: `Scenarios, in turns (default ${SCENARIOS.join(' ')})`,
    })
    .option('kernel', {
      type: 'string',
      array: true,
      describe: `Kernel specs, in turns (default ${KERNELS.join(' ')})`,
    })
    .option('vmcore', {
      ...single(vmcoreReading),
      describe: 'What the capture kernels read (default whole): nonce takes a third of the CPU time',
    })
    .option('json', { type: 'boolean', default: false, describe: 'Print the totals as JSON' })
    .parseAsync();
}

/** The runs of a stopped bench are planned already. */
function refusePlanned(argv: Words): void {
  const given = (['runs', 'scenario', 'kernel', 'vmcore'] as const).find((name) => argv[name] !== undefined);
  if (argv.resume === undefined || given === undefined) return;
  throw usageFault(`cannot use --${given} with --resume: the runs are planned; leave it out`);
}

async function begin({
  runs = RUNS,
  scenario = SCENARIOS,
  kernel = KERNELS,
  vmcore,
  out,
}: Words): Promise<string> {
  const name = freshCampaignName(new Date(), 'good');
  const repeat = Math.ceil(runs / (scenario.length * kernel.length));
  const plan = async () => {
    const plans = await planRuns(
      { scenario, kernel, repeat, vmcore },
      { ...prepareOptions(), campaign: name },
    );
    // In rounds, so that the first runs show something of every kernel and scenario. The sort is stable.
    return plans.sort((a, b) => a.trial - b.trial).slice(0, runs);
  };
  return (await beginCampaign({ name, out, plan })).directory;
}
