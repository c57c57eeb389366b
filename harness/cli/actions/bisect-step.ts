import { join } from 'node:path';
import { RealBench } from '../../bisect/bench.js';
import { decideStep, outcomeText } from '../../bisection/decide.js';
import { AS_EXPECTED, countsOf, outcomesOf, type Shown, shownBy } from '../../bisection/outcome.js';
import { buildKernel, KernelDoesNotBuild, topOfTree } from '../../kernel/index.js';
import { EXIT, harnessFault, usageFault } from '../../model/fault.js';
import { loadScenarios } from '../../prepare/scenario-files.js';
import { resultLine } from '../../report/terminal-table.js';
import { goodsForRate, WRONG } from '../../stats/bisection.js';
import { cacheOptions, complain, prepareOptions, say, SHIPPED, wantsColor } from '../context.js';
import { ABORT, type BisectStepArguments } from '../words/bisect-step.js';
import { guestChoices, requireNothingKept } from '../words/guest-options.js';
import { outDirectory } from '../directories.js';
import { beginCampaign, defaultJobs, freshCampaignName } from './campaigns.js';
import { templatesFor } from './clones.js';
import { interruptible } from './interruptible.js';

/** Exit codes of git-bisect(1), "bisect run". */
const GIT = { good: 0, bad: 1, skip: 125 } as const;

/** The steps over which a miss is to be rarer than 5 %: enough for a million commits. */
const STEPS = 20;
/** A trial that the harness failed is tried again so often in a row. */
const HARNESS_ERRORS_MOST = 3;

/**
 * Judges the checkout in the working directory, or a kernel, for `git bisect run`, and returns its exit code. A fault is
 * thrown: the command line ends with 128 or more then, so that it is no verdict.
 */
export async function bisectStep(argv: BisectStepArguments): Promise<number> {
  // Node ends with 1 for an error that nobody handles, and 1 means bad.
  process.once('uncaughtException', (error) => {
    complain(`crashpath: internal error: ${error instanceof Error ? error.stack : String(error)}`);
    process.exit(ABORT + EXIT.harness);
  });
  requireNothingKept('a step of a bisection', argv);
  const { scenario, goods } = await whatToTry(argv);
  const stop = interruptible();
  const name = argv.name ?? freshCampaignName(new Date(), 'bisect-step');
  const directory = join(outDirectory(argv.out), name);
  const templates = templatesFor(argv.clone, { directory, plans: 'unknown', signal: stop.signal });
  try {
    const kernel = argv.kernel ?? (await builtHere(argv, stop.signal));
    if (kernel === undefined) return GIT.skip;
    const color = wantsColor(process.stderr);
    const bench = new RealBench(
      directory,
      { scenario, ...guestChoices(argv) },
      {
        ...prepareOptions(),
        ...{ tree: '.', config: argv.config, signal: stop.signal, templates },
        jobs: (plan) => argv.jobs ?? defaultJobs([plan]),
        onResult: (result) => say(resultLine(result, { color })),
      },
    );
    // With a kernel that cannot be planned no directory is made.
    await beginCampaign({
      name,
      out: argv.out,
      plan: async () => {
        await bench.planFor({ kernel, reused: true });
        return [];
      },
    });
    const verdict = await judge(bench, { kernel, goods, only: argv.bad, signal: stop.signal });
    return GIT[verdict];
  } catch (error) {
    if (stop.caught !== undefined) return ABORT + stop.caught.number;
    throw error;
  } finally {
    templates.close();
    stop.release();
  }
}

/** Runs trials until they decide, and prints what they say. */
async function judge(
  bench: RealBench,
  {
    kernel,
    goods,
    only,
    signal,
  }: { kernel: string; goods: number; only: readonly string[]; signal: AbortSignal },
): Promise<keyof typeof GIT> {
  const shown: Shown[] = [];
  for (let failed = 0; ; ) {
    const bad = outcomesOf(shown).filter(
      (outcome) =>
        outcome !== AS_EXPECTED && (only.length === 0 || only.includes(outcome.split(' ')[0] ?? '')),
    );
    const decision = decideStep(countsOf(shown, { good: [AS_EXPECTED], bad }), goods);
    if (decision.verdict !== 'more') {
      const why = decision.verdict === 'skip' ? decision.why : outcomeText(shown);
      process.stdout.write(`${decision.verdict}: ${why}\n`);
      return decision.verdict;
    }
    const trials = Math.min(Math.max(1, bench.jobs), decision.trials);
    const results = await bench.run('step', { kernel, reused: true }, trials);
    signal.throwIfAborted();
    const now = results.map(shownBy);
    const errors = now.filter((one) => one.kind === 'harness-error');
    shown.push(...now);
    failed = errors.length === now.length ? failed + errors.length : 0;
    if (failed >= HARNESS_ERRORS_MOST || now.length === 0) {
      throw harnessFault(
        `cannot judge kernel "${kernel}": the harness failed ${failed} times in a row, the last time with ${errors.at(-1)?.why ?? 'no result'}; remedy that, then start git bisect run again`,
      );
    }
  }
}

async function whatToTry({ scenario: reference, trials, badRate, host }: BisectStepArguments) {
  if (reference === undefined) {
    throw usageFault('cannot judge a commit by "nothing": no scenario is named; name one of crashpath list');
  }
  if ((trials === undefined) === (badRate === undefined)) {
    throw usageFault(
      `cannot judge a commit by "${reference}": ${trials === undefined ? 'the number of trials is not known' : '--trials and --bad-rate contradict each other'}; give --trials N, or --bad-rate R of a bad commit, e.g. 0.5`,
    );
  }
  if (host.length > 0) {
    throw usageFault(
      `cannot judge a commit with --host "${host.join(' ')}": kernels are built and run on this host; leave it out`,
    );
  }
  const [scenario, ...others] = await loadScenarios(reference, SHIPPED);
  if (scenario === undefined || others.length > 0) {
    throw usageFault(
      `cannot judge a commit by "${reference}": it is ${others.length + 1} scenarios; name one of them, as crashpath list does`,
    );
  }
  return { scenario, goods: trials ?? goodsForRate(badRate ?? 1, WRONG / STEPS) };
}

/** Builds the checkout around the working directory; undefined, with the reason printed, when it gives no kernel. */
async function builtHere(argv: BisectStepArguments, signal: AbortSignal): Promise<string | undefined> {
  try {
    const kernel = await buildKernel(
      {
        source: { kind: 'tree', path: await topOfTree('.', { signal }) },
        variant: 'stock',
        configFragment: argv.config,
      },
      { ...cacheOptions(), jobs: argv.buildJobs, signal },
    );
    return kernel.spec;
  } catch (error) {
    if (!(error instanceof KernelDoesNotBuild)) throw error;
    process.stdout.write(`skip: ${error.message}\n`);
    return undefined;
  }
}
