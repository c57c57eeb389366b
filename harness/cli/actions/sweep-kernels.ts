import { join, resolve } from 'node:path';
import { runLockSweep } from '../../campaign/run-lock-sweep.js';
import { runSweep } from '../../campaign/run-sweep.js';
import type { SweepArm } from '../../campaign/sweep-runs.js';
import { writePage } from '../../campaign/write-page.js';
import { EXIT, harnessFault, usageFault } from '../../model/fault.js';
import { nearest } from '../../model/nearest.js';
import type { RunResult } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import type { Scenario } from '../../plan/scenario.js';
import { freshNonce, planRuns } from '../../prepare/plan-runs.js';
import { readCampaign, readRuns, reportPath } from '../../store/campaign-directory.js';
import { withCampaignLock } from '../../store/campaign-lock.js';
import { writeJson } from '../../store/stored-file.js';
import { cloneNotes } from '../../report/clone-notes.js';
import { recordName, recordScenario } from '../../sweep/crash-locks/script.js';
import { SWEEPS, type SweepName } from '../../sweep/map.js';
import { firstScenario, pointOf } from '../../sweep/script.js';
import { resultLine } from '../../report/terminal-table.js';
import { complain, prepareOptions, say, version, wantsColor } from '../context.js';
import { cacheDirectory } from '../directories.js';
import { requireKeptHere } from '../words/guest-options.js';
import { onlyHost } from '../words/option-values.js';
import { DEFAULT_POINTS, fixedBySweep, type SweepArguments } from '../words/sweep.js';
import { beginCampaign, defaultJobs, freshCampaignName, requireOnlyDirectory } from './campaigns.js';
import { templatesFor } from './clones.js';
import { type HostPool, hostPool, hostsIn, oneSeat } from './hosts.js';
import { interruptible, stoppedBy } from './interruptible.js';
import {
  comparisonOf,
  isWhole,
  pictured,
  type SweptComparison,
  type SweptMap,
  sweptText,
} from './swept-maps.js';

/** Beside campaign.json: the map, or both maps and what changed between them. */
const FILES = { map: 'map.json' } as const;

const ARMS = ['a', 'b'] as const;

/**
 * Sweeps one kernel or two, prints the map (or both maps and what changed) and writes map.json and the report. Returns
 * the exit code: 0 when every map is complete and every outcome known, else 2. A sweep that was stopped by a signal returns
 * 128 + its number and draws no map, because the map would be incomplete.
 */
export async function sweepKernels(argv: SweepArguments): Promise<number> {
  const ready = argv.resume === undefined ? await fresh(argv) : await resumed(argv, argv.resume);
  return withCampaignLock(ready.directory, () => carryOn(argv, ready));
}

async function carryOn(argv: SweepArguments, { directory, arms }: Ready): Promise<number> {
  const stop = interruptible();
  using pool = hostPool(hostsIn(arms.map(({ template }) => template)));
  try {
    const maps: SweptMap[] = [];
    for (const arm of arms) {
      const sweep = await sweepOne(directory, arm, { argv, pool, signal: stop.signal });
      if (stop.signal.aborted) break;
      if (sweep.kind === 'map') maps.push(sweep.map);
      else complain(`crashpath: no map of "${arm.template.kernel.spec}": ${sweep.why}`);
    }
    const runs = await readRuns(directory);
    const results = runs.flatMap(({ result }) => (result === undefined ? [] : [result]));
    const report = { results, plans: [], crashpathVersion: version() };
    if (stop.caught !== undefined) {
      if (results.length > 0) await writePage(directory, report);
      return stoppedBy(stop.caught, { command: 'sweep', directory });
    }
    const [first] = maps;
    if (first !== undefined) {
      const comparison = comparisonOf(maps);
      await keepAndPrint(directory, comparison ?? first, argv.json);
      await writePage(directory, { ...report, ...pictured(maps, comparison) });
    } else if (results.length > 0) await writePage(directory, report);
    for (const note of cloneNotes(results)) say(note);
    say(`report: ${reportPath(directory)}`);
    return maps.length === arms.length && maps.every(isWhole) ? EXIT.expected : EXIT.inconclusive;
  } finally {
    stop.release();
  }
}

async function sweepOne(
  directory: string,
  arm: SweepArm,
  { argv, pool, signal }: { argv: SweepArguments; pool: HostPool; signal: AbortSignal },
): Promise<{ kind: 'map'; map: SweptMap } | { kind: 'none'; why: string }> {
  const color = wantsColor(process.stderr);
  const { spec } = arm.template.kernel;
  let ended = 0;
  const cached = { cacheDir: cacheDirectory(), signal };
  // How many runs there will be is not known.
  const templates = templatesFor(argv.clone, { directory, plans: 'unknown', signal });
  const options = {
    templates,
    ...cached,
    jobs: argv.jobs ?? defaultJobs([arm.template]),
    seats: await oneSeat(pool, [arm.template], argv.jobs),
    freshNonce,
    onPlan: (text: string) => say(`${spec}: ${text}`),
    onStart: (plan: RunPlan) => say(`${plan.runId}: ${plan.scenario.summary}`),
    onResult: (result: RunResult) => {
      ended += 1;
      say(`${spec}, run ${ended}: ${resultLine(result, { color })}`);
    },
  };
  const pointsMost = argv.pointsMost ?? DEFAULT_POINTS;
  try {
    const sweep =
      sweepOf(arm) === 'nmi-transition'
        ? await runSweep(directory, arm, { ...options, pointsMost })
        : await runLockSweep(directory, arm, { ...options, locksMost: pointsMost });
    return sweep.kind === 'map' ? sweep : { kind: 'none', why: sweep.why };
  } finally {
    templates.close();
  }
}

/** The first scenario of each sweep: the guests are planned for it. */
const FIRST = {
  'nmi-transition': firstScenario,
  'crash-locks': () => recordScenario(0),
} as const satisfies Record<SweepName, () => Scenario>;

function sweepOf({ template: { scenario } }: Pick<SweepArm, 'template'>): SweepName {
  return scenario.name === recordName(0) ? 'crash-locks' : 'nmi-transition';
}

async function keepAndPrint(
  directory: string,
  swept: SweptMap | SweptComparison,
  json: boolean,
): Promise<void> {
  await writeJson(join(directory, FILES.map), swept);
  process.stdout.write(json ? `${JSON.stringify(swept)}\n` : `${sweptText(swept)}\n`);
}

interface Ready {
  readonly directory: string;
  readonly arms: readonly SweepArm[];
}

async function fresh(argv: SweepArguments): Promise<Ready> {
  requireKeptHere(argv);
  const sweep = knownSweep(argv.sweep);
  const host = onlyHost(`sweep "${argv.sweep}"`, argv.host);
  const kernel = kernelsOf(argv);
  const campaign = argv.name ?? freshCampaignName(new Date(), 'sweep');
  const choices = { ...argv, kernel, scenario: [FIRST[sweep]()] };
  using pool = hostPool(host === undefined ? [] : [host]);
  const hosts = pool.planned.length === 0 ? undefined : pool.planned;
  const plan = () => planRuns(choices, { ...prepareOptions(), campaign, hosts });
  const { directory, plans } = await beginCampaign({ name: campaign, out: argv.out, plan });
  return { directory, arms: armsOf(plans) };
}

async function resumed(argv: SweepArguments, reference: string): Promise<Ready> {
  requireOnlyDirectory(reference, 'a sweep', fixedBySweep(argv));
  const directory = resolve(reference);
  const { plans } = await readCampaign(directory);
  if (
    plans.length > ARMS.length ||
    new Set(plans.map((template) => sweepOf({ template }))).size !== 1 ||
    plans.some(({ scenario: { name } }) => pointOf(name) !== 0 && name !== recordName(0))
  ) {
    throw usageFault(
      `cannot resume "${reference}": it is not the directory of a sweep; use crashpath run --resume for other campaigns`,
    );
  }
  const arms = armsOf(plans);
  const other = arms.map(sweepOf).find((sweep) => sweep !== knownSweep(argv.sweep ?? sweep));
  if (other !== undefined)
    throw usageFault(
      `cannot resume "${reference}" as "${argv.sweep}": it is a sweep of ${other}; name only the directory`,
    );
  return { directory, arms };
}

function armsOf(plans: readonly RunPlan[]): SweepArm[] {
  return plans.map((template, index) => {
    const arm = ARMS[index];
    if (arm === undefined)
      throw harnessFault(`cannot sweep ${plans.length} kernels; at most two can be swept`);
    return { arm, template };
  });
}

function knownSweep(given: string | undefined): SweepName {
  const known = SWEEPS.find((name) => name === given);
  if (known !== undefined) return known;
  if (given === undefined) {
    throw usageFault(`cannot sweep "nothing": no sweep is named; name one of ${SWEEPS.join(', ')}`);
  }
  const near = nearest(given, new Set(SWEEPS));
  const hint = near.length === 0 ? `choose one of ${SWEEPS.join(', ')}` : `did you mean "${near[0]}"?`;
  throw usageFault(`cannot sweep "${given}": there is no such sweep; ${hint}`);
}

function kernelsOf({ sweep, kernel, baseline, candidate }: SweepArguments): string[] {
  const refuse = (why: string) =>
    usageFault(
      `cannot sweep "${sweep}": ${why}; give --kernel, e.g. --kernel debian:6.1, or --baseline and --candidate`,
    );
  if (kernel !== undefined) {
    if (baseline !== undefined || candidate !== undefined)
      throw refuse('--kernel excludes --baseline and --candidate');
    return [kernel];
  }
  if (baseline === undefined && candidate === undefined) throw refuse('no kernel is given');
  if (baseline === undefined) throw refuse('--baseline is missing');
  if (candidate === undefined) throw refuse('--candidate is missing');
  return [baseline, candidate];
}
