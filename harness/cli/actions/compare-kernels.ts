import { join, resolve } from 'node:path';
import { z } from 'zod';
import { remainingPlans } from '../../campaign/resume.js';
import { readBegun } from '../../campaign/read-begun.js';
import { resultKeeper } from '../../campaign/kept-result.js';
import { type CampaignOptions, carryOut } from '../../campaign/run-campaign.js';
import { writePage } from '../../campaign/write-page.js';
import { usageFault } from '../../model/fault.js';
import type { RunResult } from '../../model/result.js';
import { STORE_SCHEMA } from '../../model/record.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { VERDICTS } from '../../model/verdict.js';
import { compareText } from '../../report/compare.js';
import { type Beginning, beginningText, progressText } from '../../report/run-progress.js';
import { resultLine } from '../../report/terminal-table.js';
import { type Comparison, type Design, compareTrials, settledScenarios } from '../../stats/comparison.js';
import { comparisonObject } from '../../stats/comparison-json.js';
import { FEWEST_TO_END_EARLY, looksFor } from '../../stats/corrections.js';
import { type Arms, armsOf, interleave, trialsOf } from '../../stats/interleave.js';
import { loadScenarios } from '../../prepare/scenario-files.js';
import { freshNonce, planRuns } from '../../prepare/plan-runs.js';
import { cloneNotes } from '../../report/clone-notes.js';
import { readCampaign, reportPath } from '../../store/campaign-directory.js';
import { withCampaignLock } from '../../store/campaign-lock.js';
import { readJson, writeJson } from '../../store/stored-file.js';
import { prepareOptions, say, SHIPPED, version, wantsColor } from '../context.js';
import { cacheDirectory } from '../directories.js';
import { requireKeptHere } from '../words/guest-options.js';
import { onlyHost } from '../words/option-values.js';
import { type CompareArguments, DEFAULT_REPEAT, fixedByComparison } from '../words/compare.js';
import {
  beginCampaign,
  freshCampaignName,
  jobsHere,
  jobsThere,
  requireOnlyDirectory,
  requireScenario,
} from './campaigns.js';
import { templatesFor } from './clones.js';
import { compareExitCode } from './exit-codes.js';
import { hostPool, hostsIn, oneSeat } from './hosts.js';
import { interruptible, stoppedBy } from './interruptible.js';

/** Beside campaign.json: the rounds after which the data are tested, fixed before the first trial, and the comparison. */
const FILES = { looks: 'compare-looks.json', comparison: 'compare.json' } as const;

const LooksSchema = z.object({
  schema: z.literal(STORE_SCHEMA),
  looks: z.array(z.number().int().positive()).min(1),
});

/** A comparison in progress. */
interface Begun {
  readonly directory: string;
  /** What is left to run, in order. */
  readonly plans: readonly RunPlan[];
  readonly arms: Arms;
  readonly design: Design;
  /** Results of an earlier part of the same campaign. */
  readonly earlier: readonly RunResult[];
}

/**
 * Runs the trials of the kernels alternately as one campaign, compares, prints the comparison and writes compare.json.
 * Returns the exit code (see {@link compareExitCode}). A comparison that was stopped by a signal returns 128 + its
 * number and compares nothing: the test would be at an unplanned look.
 */
export async function compareKernels(argv: CompareArguments): Promise<number> {
  if (argv.resume !== undefined) return resumed(argv, argv.resume);
  const begun = await fresh(argv);
  return withCampaignLock(begun.directory, () => carryOn(argv, begun));
}

async function carryOn(argv: CompareArguments, begun: Begun): Promise<number> {
  const stop = interruptible();
  using pool = hostPool(hostsIn(begun.plans));
  const templates = templatesFor(argv.clone, { ...begun, signal: stop.signal });
  try {
    const seats =
      pool.names.length === 0 ? undefined : await oneSeat(pool, begun.plans, jobsThere(argv.jobs));
    const { signal } = stop;
    const results = await runTrials(begun, {
      ...(await jobsHere(argv.jobs, begun.plans, say)),
      ...{ seats, signal, templates },
    });
    if (stop.caught !== undefined) {
      if (results.length > 0)
        await writePage(begun.directory, { results, plans: [], crashpathVersion: version() });
      return stoppedBy(stop.caught, { command: 'compare', directory: begun.directory });
    }
    const comparison = compareTrials(trialsOf(results, begun.arms), begun.design);
    await keepAndPrint(begun, comparison, { results, json: argv.json });
    return compareExitCode(comparison, argv.failOn);
  } finally {
    templates.close();
    stop.release();
  }
}

async function fresh(argv: CompareArguments): Promise<Begun> {
  requireKeptHere(argv);
  const kernels = kernelsOf(argv);
  const host = onlyHost(`compare`, argv.host);
  requireScenario(argv.scenario);
  await requireComparable(argv.scenario, argv.machineProfile);
  const campaign = argv.name ?? freshCampaignName(new Date(), 'compare');
  const rounds = argv.repeat ?? DEFAULT_REPEAT;
  if (argv.untilSignificant && rounds < FEWEST_TO_END_EARLY) {
    throw usageFault(
      `cannot use --until-significant with --repeat "${rounds}": so few trials are not tested before the last; give --repeat ${FEWEST_TO_END_EARLY} or more, or leave it out`,
    );
  }
  const choices = { ...argv, kernel: kernels, repeat: rounds };
  using pool = hostPool(host === undefined ? [] : [host]);
  const hosts = pool.planned.length === 0 ? undefined : pool.planned;
  const plan = async () => {
    const plans = interleave(await planRuns(choices, { ...prepareOptions(), campaign, hosts }));
    // Runs that cannot be compared are refused before they are written.
    armsOf(plans, campaign);
    return plans;
  };
  const { directory, plans } = await beginCampaign({ name: campaign, out: argv.out, plan });
  const arms = armsOf(plans, campaign);
  const looks = argv.untilSignificant ? looksFor(rounds) : [rounds];
  await writeJson(join(directory, FILES.looks), { schema: STORE_SCHEMA, looks });
  return { directory, plans, arms, design: { ...arms.design, looks }, earlier: [] };
}

async function resumed(argv: CompareArguments, reference: string): Promise<number> {
  requireOnlyDirectory(reference, 'a comparison', fixedByComparison(argv));
  const directory = resolve(reference);
  const campaign = await readCampaign(directory);
  const arms = armsOf(campaign.plans, reference);
  const stored = LooksSchema.safeParse(await readJson(join(directory, FILES.looks)));
  // A campaign of `crashpath run` with several kernels is a comparison without interim looks.
  const looks = stored.data?.looks ?? [arms.rounds];
  return withCampaignLock(directory, async () => {
    const { begun, earlier } = await readBegun(directory, { repair: true });
    const plans = interleave(remainingPlans(campaign.plans, begun, freshNonce));
    say(`${campaign.name}: ${plans.length} of ${campaign.plans.length} trials left`);
    return carryOn(argv, { directory, plans, arms, design: { ...arms.design, looks }, earlier });
  });
}

/** Runs the remaining plans, from look to look, until every scenario is decided. Returns all results. */
async function runTrials(
  { directory, plans, arms, design, earlier }: Begun,
  host: Pick<CampaignOptions, 'jobs' | 'slots' | 'seats' | 'signal' | 'templates'>,
): Promise<RunResult[]> {
  const results = [...earlier];
  const keep = resultKeeper();
  const color = wantsColor(process.stderr);
  let settled: readonly string[] = [];
  const beginnings = new Map<string, Beginning>();
  let before = 0;
  for (const look of design.looks) {
    const due = plans.filter(
      ({ trial, scenario }) => trial > before && trial <= look && !settled.includes(scenario.name),
    );
    await carryOut(directory, due, {
      ...host,
      cacheDir: cacheDirectory(),
      onStart: (plan, beginning) => {
        beginnings.set(plan.runId, beginning);
        const rounds = design.looks.length > 1 ? `at most ${arms.rounds}` : arms.rounds;
        const round = `round ${plan.trial} of ${rounds}, ${plan.kernel.spec}`;
        say(`${plan.runId}: ${round}: starting${beginningText(beginning)}`);
      },
      onEvent: (plan, event) => {
        const text = progressText(event, beginnings.get(plan.runId));
        if (text !== undefined) say(`${plan.runId}: ${text}`);
      },
      onResult: (result) => {
        results.push(keep(result));
        say(resultLine(result, { color }));
      },
    });
    if (host.signal?.aborted === true) break;
    before = look;
    const seen = trialsOf(results, arms).filter(({ round }) => round <= look);
    settled = settledScenarios(seen, design);
  }
  return results;
}

async function keepAndPrint(
  { directory }: Begun,
  comparison: Comparison,
  { results, json }: { results: readonly RunResult[]; json: boolean },
): Promise<void> {
  const object = comparisonObject(comparison);
  await writeJson(join(directory, FILES.comparison), object);
  if (results.length > 0)
    await writePage(directory, { results, plans: [], comparison: object, crashpathVersion: version() });
  for (const note of cloneNotes(results)) say(note);
  say(`report: ${reportPath(directory)}`);
  process.stdout.write(
    json
      ? `${JSON.stringify(object)}\n`
      : `${compareText(comparison, { color: wantsColor(process.stdout) })}\n`,
  );
}

function kernelsOf({ baseline, candidate, also, scenario }: CompareArguments): string[] {
  if (baseline !== undefined && candidate !== undefined) return [baseline, candidate, ...also];
  const missing = baseline === undefined ? '--baseline' : '--candidate';
  throw usageFault(
    `cannot compare "${scenario.join(' ')}": ${missing} is missing; give both, e.g. --baseline debian:6.1 --candidate ./bzImage`,
  );
}

/**
 * Scenarios that never enter a capture kernel have no rate of captures, and a scenario that is named twice would count
 * twice. Rates of several machines would be mixed.
 */
async function requireComparable(
  references: readonly string[],
  machineProfiles: readonly string[],
): Promise<void> {
  const scenarios = (
    await Promise.all(references.map((reference) => loadScenarios(reference, SHIPPED)))
  ).flat();
  const [, second] = machineProfiles;
  if (second !== undefined) {
    throw usageFault(
      `cannot compare on "${machineProfiles.join(' and ')}": kernels are compared on one machine; give --machine-profile once`,
    );
  }
  for (const [index, { name, guest, crashKernel, expect }] of scenarios.entries()) {
    if (scenarios.findIndex((other) => other.name === name) < index) {
      throw usageFault(`cannot compare "${name}": the scenario is named twice; name it once`);
    }
    if (machineProfiles.length === 0 && Array.isArray(guest.profile) && guest.profile.length > 1) {
      throw usageFault(
        `cannot compare "${name}": the scenario runs on ${guest.profile.length} machines; choose one with --machine-profile`,
      );
    }
    if (crashKernel === 'absent' || !VERDICTS[expect.verdict].captureDue) {
      throw usageFault(
        `cannot compare "${name}": a healthy kernel ends there with ${expect.verdict}: there is no capture that could fail; choose a scenario that crashes with a capture kernel loaded`,
      );
    }
  }
}
