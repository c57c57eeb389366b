import { join, resolve } from 'node:path';
import { mostRuns, type SizeRange } from '../../bisection/smallest-size.js';
import { reservedMib, searchSize, type SizeSearch } from '../../campaign/search-size.js';
import { writePage } from '../../campaign/write-page.js';
import { EXIT, usageFault } from '../../model/fault.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { freshNonce, planTrials } from '../../prepare/plan-runs.js';
import { trialsOf } from '../../prepare/trials.js';
import { cloneNotes } from '../../report/clone-notes.js';
import { type SizeReport, sizeObject, sizeText } from '../../report/size-text.js';
import { resultLine } from '../../report/terminal-table.js';
import { readCampaign, reportPath } from '../../store/campaign-directory.js';
import { withCampaignLock } from '../../store/campaign-lock.js';
import { writeJson } from '../../store/stored-file.js';
import { prepareOptions, print, say, version, wantsColor } from '../context.js';
import { cacheDirectory } from '../directories.js';
import {
  type CrashkernelSizeArguments,
  fixedBySearch,
  SIZE_DEFAULTS,
  SIZE_SCENARIO,
} from '../words/crashkernel-size.js';
import { requireKeptHere } from '../words/guest-options.js';
import { onlyHost } from '../words/option-values.js';
import { beginCampaign, freshCampaignName, requireOnlyDirectory } from './campaigns.js';
import { templatesFor } from './clones.js';
import { hostPool, hostsIn, oneSeat } from './hosts.js';
import { interruptible, stoppedBy } from './interruptible.js';

/** Beside campaign.json: what was found. */
const FILE = 'crashkernel-size.json';

interface Ready {
  readonly directory: string;
  readonly template: RunPlan;
  readonly range: SizeRange;
}

/** Carries out `crashpath crashkernel-size`. Returns the exit code. */
export async function crashkernelSize(argv: CrashkernelSizeArguments): Promise<number> {
  requireOneAtATime(argv);
  const ready = argv.resume === undefined ? await fresh(argv) : await resumed(argv, argv.resume);
  return withCampaignLock(ready.directory, () => carryOn(argv, ready));
}

async function carryOn(
  argv: CrashkernelSizeArguments,
  { directory, template, range }: Ready,
): Promise<number> {
  const stop = interruptible();
  using pool = hostPool(hostsIn([template]));
  const templates = templatesFor(argv.clone, { directory, plans: 'unknown', signal: stop.signal });
  const color = wantsColor(process.stderr);
  try {
    const search = await searchSize(
      directory,
      { template, range },
      {
        ...{ templates, jobs: 1, cacheDir: cacheDirectory(), signal: stop.signal, freshNonce },
        seats: await oneSeat(pool, [template], 1),
        onStart: (plan) => say(`${plan.runId}: starting`),
        onResult: (result, plan) => say(`${reservedMib(plan) ?? '?'}M: ${resultLine(result, { color })}`),
      },
    );
    const { results } = search;
    if (results.length > 0) await writePage(directory, { results, plans: [], crashpathVersion: version() });
    if (stop.caught !== undefined) return stoppedBy(stop.caught, { command: 'crashkernel-size', directory });
    return await conclude(search, { argv, directory, template, range });
  } finally {
    templates.close();
    stop.release();
  }
}

async function conclude(
  { end, tried, results }: SizeSearch,
  { argv, directory, template, range }: Ready & { readonly argv: CrashkernelSizeArguments },
): Promise<number> {
  if (end.kind === 'stopped') return EXIT.inconclusive;
  const report: SizeReport = { template, range, tried, end };
  const exitCode = exitCodeOf(end.kind, results);
  const object = sizeObject(report, exitCode);
  await writeJson(join(directory, FILE), object);
  for (const note of cloneNotes(results)) say(note);
  print(argv.json ? `${JSON.stringify(object)}\n` : `${sizeText(report)}\n`);
  say(`report: ${reportPath(directory)}`);
  return exitCode;
}

function exitCodeOf(end: SizeReport['end']['kind'], results: SizeSearch['results']): number {
  if (end === 'found') return EXIT.expected;
  if (end === 'none') return EXIT.unexpected;
  return results.every(({ outcome }) => outcome === 'harness-error') ? EXIT.harness : EXIT.inconclusive;
}

async function fresh(argv: CrashkernelSizeArguments): Promise<Ready> {
  const { kernel, scenario = SIZE_SCENARIO } = argv;
  if (kernel === undefined)
    throw usageFault(
      'cannot search the size of crashkernel=: no kernel is given; give --kernel, e.g. --kernel debian:6.1',
    );
  if (argv.crashkernel !== undefined)
    throw usageFault(
      `cannot use --crashkernel "${argv.crashkernel}": the size is what is searched; give --least and --most`,
    );
  requireKeptHere(argv);
  const range = rangeOf(argv);
  const host = onlyHost('search the size of crashkernel=', argv.host);
  const name = argv.name ?? freshCampaignName(new Date(), 'size');
  using pool = hostPool(host === undefined ? [] : [host]);
  const hosts = pool.planned.length === 0 ? undefined : pool.planned;
  const options = { ...prepareOptions(), campaign: name, hosts };
  const plan = async () => {
    const trials = await trialsOf({ ...argv, scenario: [scenario], kernel: [kernel] }, options);
    const choices = { ...argv, crashkernel: `${range.most}M` };
    const planned = await planTrials(trials, choices, options);
    requireSearchable(scenario, planned, range);
    return planned;
  };
  const { directory, plans } = await beginCampaign({ name, out: argv.out, sizes: range, plan });
  const [template] = plans;
  if (template === undefined) throw usageFault(`cannot search with "${scenario}": it means no run`);
  say(`up to ${mostRuns(range)} runs, more when a size fails only sometimes`);
  return { directory, template, range };
}

function rangeOf(argv: CrashkernelSizeArguments): SizeRange {
  const range = {
    least: argv.least ?? SIZE_DEFAULTS.least,
    most: argv.most ?? SIZE_DEFAULTS.most,
    step: argv.step ?? SIZE_DEFAULTS.step,
    captures: argv.captures ?? SIZE_DEFAULTS.captures,
  };
  if (Math.ceil(range.least / range.step) > Math.floor(range.most / range.step))
    throw usageFault(
      `cannot search from ${range.least} to ${range.most} MiB: no multiple of ${range.step} lies there; give a larger --most, or a smaller --least or --step`,
    );
  return range;
}

/** Throws a usage fault for a scenario that shows no size, and for a guest that has no room for the largest one. */
function requireSearchable(scenario: string, plans: readonly RunPlan[], range: SizeRange): void {
  const [plan] = plans;
  if (plan === undefined || plans.length > 1)
    throw usageFault(
      `cannot search with "${scenario}": it means ${plans.length} scenarios or machines; name one scenario, and one --machine-profile`,
    );
  if (plan.scenario.crashKernel === 'absent' || plan.scenario.expect.verdict !== 'captured')
    throw usageFault(
      `cannot search with "${scenario}": it does not expect a capture; name a scenario that does, e.g. ${SIZE_SCENARIO}`,
    );
  if (plan.machine.memoryMiB > range.most) return;
  throw usageFault(
    `cannot reserve ${range.most} MiB of ${plan.machine.memoryMiB} MiB: nothing would be left; give a smaller --most, or more --memory`,
  );
}

function requireOneAtATime({ jobs }: CrashkernelSizeArguments): void {
  if (jobs === undefined || jobs === 1) return;
  throw usageFault(`cannot use --jobs "${jobs}": each run decides the next one; leave it out`);
}

async function resumed(argv: CrashkernelSizeArguments, reference: string): Promise<Ready> {
  requireOnlyDirectory(reference, 'a search', fixedBySearch(argv));
  const directory = resolve(reference);
  const { plans, sizes } = await readCampaign(directory);
  const [template] = plans;
  if (sizes === undefined || template === undefined)
    throw usageFault(
      `cannot resume search "${reference}": it is no search of a size; if it is a campaign of crashpath run, continue it with crashpath run --resume`,
    );
  return { directory, template, range: sizes };
}
