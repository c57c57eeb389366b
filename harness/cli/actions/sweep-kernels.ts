import { join, resolve } from 'node:path';
import { runLockSweep } from '../../campaign/run-lock-sweep.js';
import { runSweep } from '../../campaign/run-sweep.js';
import { type SweepArm, SweepRuns } from '../../campaign/sweep-runs.js';
import { writePage } from '../../campaign/write-page.js';
import { EXIT, harnessFault, usageFault } from '../../model/fault.js';
import { isCutOff } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { freshNonce } from '../../prepare/plan-runs.js';
import { readCampaign, readRuns, reportPath } from '../../store/campaign-directory.js';
import { withCampaignLock } from '../../store/campaign-lock.js';
import { writeJson } from '../../store/stored-file.js';
import { cloneNotes } from '../../report/clone-notes.js';
import { variantsFileJsonSchema } from '../../sweep/crash-locks/variants-file.js';
import type { SweepName } from '../../sweep/map.js';
import { sweepOf } from '../../sweep/sweep-of.js';
import { SweepPace } from '../../report/sweep-progress.js';
import type { TableLayout } from '../../report/text-table.js';
import { complain, prepareOptions, print, say, version } from '../context.js';
import { cacheDirectory } from '../directories.js';
import { requireKeptHere } from '../words/guest-options.js';
import { onlyHost } from '../words/option-values.js';
import { besideSchema, DEFAULT_POINTS, fixedBySweep, type SweepArguments } from '../words/sweep.js';
import { beginCampaign, defaultJobs, freshCampaignName, requireOnlyDirectory } from './campaigns.js';
import { templatesFor } from './clones.js';
import { type HostPool, hostPool, hostsIn, oneSeat } from './hosts.js';
import { interruptible, stoppedBy } from './interruptible.js';
import { printSchema } from './print-schema.js';
import { printCommands } from './print-commands.js';
import { askedSweep, costText, knownSweep, planSweep, TYPICAL_RUNS } from './sweep-plans.js';
import { sweepProgress } from './sweep-progress.js';
import {
  comparisonOf,
  isWhole,
  pictured,
  type SweptComparison,
  type SweptMap,
  sweptText,
} from './swept-maps.js';

/** Beside campaign.json: the map, the table of variants, or both maps and what changed between them. */
const FILES = { map: 'map.json' } as const;

/** Maps of one campaign, by the first letter of their runs. */
const ARMS = 'abcdefghijklmnop'.split('');

/**
 * Sweeps one kernel or two, prints the map (or both maps and what changed) and writes map.json and the report. Returns
 * the exit code: 0 when every map is complete and every outcome known, else 2. A sweep that was stopped by a signal returns
 * 128 + its number and draws no map, because the map would be incomplete.
 */
export async function sweepKernels(argv: SweepArguments): Promise<number> {
  if (argv.schema) return printSchema(variantsFileJsonSchema(), besideSchema(argv));
  if (argv.dryRun) return printCommands(await plannedGuests(argv));
  const ready = argv.resume === undefined ? await fresh(argv) : await resumed(argv, argv.resume);
  return withCampaignLock(ready.directory, () => carryOn(argv, ready));
}

async function carryOn(argv: SweepArguments, ready: Ready): Promise<number> {
  const { directory, arms } = ready;
  const stop = interruptible();
  using pool = hostPool(hostsIn(arms.map(({ template }) => template)));
  try {
    const maps: SweptMap[] = [];
    const names: string[] = [];
    for (const arm of arms) {
      const sweep = await sweepOne(arm, { argv, pool, ready, signal: stop.signal });
      if (stop.signal.aborted) break;
      if (sweep.kind === 'map') {
        maps.push(sweep.map);
        if (arm.variant !== undefined) names.push(arm.variant);
        if (arms.length > 1 && !argv.json) print(`${nameOf(arm)}:\n${sweptText(sweep.map, layout())}\n`);
      } else complain(`crashpath: no map of "${nameOf(arm)}": ${sweep.why}`);
    }
    const runs = await readRuns(directory);
    const results = runs.flatMap(({ result }) => (result === undefined || isCutOff(result) ? [] : [result]));
    const report = { results, plans: [], crashpathVersion: version() };
    if (stop.caught !== undefined) {
      if (results.length > 0) await writePage(directory, report);
      return stoppedBy(stop.caught, { command: 'sweep', directory });
    }
    const [first] = maps;
    if (first !== undefined) {
      const comparison = comparisonOf(maps, names);
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
  arm: NamedArm,
  { argv, pool, ready, signal }: { argv: SweepArguments; pool: HostPool; ready: Ready; signal: AbortSignal },
): Promise<{ kind: 'map'; map: SweptMap } | { kind: 'none'; why: string }> {
  const { directory, sweep: name, pointsMost } = ready;
  const jobs = argv.jobs ?? defaultJobs([arm.template]);
  const { count: ended } = await SweepRuns.read(directory, arm);
  const pace = new SweepPace({ ended, typical: TYPICAL_RUNS[name], jobs });
  const progress = sweepProgress(nameOf(arm), { pace });
  const cached = { cacheDir: cacheDirectory(), signal };
  // How many runs there will be is not known.
  const templates = templatesFor(argv.clone, { directory, plans: 'unknown', signal });
  const options = {
    templates,
    ...cached,
    jobs,
    seats: await oneSeat(pool, [arm.template], argv.jobs),
    freshNonce,
    ...progress,
  };
  try {
    const sweep =
      name === 'nmi-transition'
        ? await runSweep(directory, arm, { ...options, pointsMost })
        : await runLockSweep(directory, arm, { ...options, locksMost: pointsMost });
    return sweep.kind === 'map' ? sweep : { kind: 'none', why: sweep.why };
  } finally {
    progress.close();
    templates.close();
  }
}

/** What a map is of: a variant, or a kernel. */
function nameOf({ variant, template }: NamedArm): string {
  return variant ?? template.kernel.spec;
}

async function keepAndPrint(
  directory: string,
  swept: SweptMap | SweptComparison,
  json: boolean,
): Promise<void> {
  const made = { ...swept, crashpath: version(), madeAt: new Date().toISOString() };
  await writeJson(join(directory, FILES.map), made);
  process.stdout.write(json ? `${JSON.stringify(made)}\n` : `${sweptText(swept, layout())}\n`);
}

/** A file or another program gets cells in one piece. */
function layout(): TableLayout {
  return { fold: process.stdout.isTTY };
}

/** One map that is to be made. */
interface NamedArm extends SweepArm {
  /** Absent without a file of variants. */
  readonly variant?: string | undefined;
}

interface Ready {
  readonly directory: string;
  readonly sweep: SweepName;
  /** Upper limit of the points, or locks, that are tried for each map. */
  readonly pointsMost: number;
  readonly arms: readonly NamedArm[];
}

/** What a dry run prints: all runs of a map have the guest of its plan. */
async function plannedGuests(argv: SweepArguments): Promise<readonly RunPlan[]> {
  if (argv.resume !== undefined) {
    const { arms } = await resumed(argv, argv.resume);
    return arms.map(({ template }) => template);
  }
  requireKeptHere(argv);
  const asked = await askedSweep(argv);
  if (argv.host.length > 0) {
    throw usageFault(
      `cannot use --dry-run with --host "${argv.host.join(' ')}": the command line is made there; drop one of them`,
    );
  }
  const campaign = argv.name ?? freshCampaignName(new Date(), 'sweep');
  const plans = await planSweep(asked, argv, { ...prepareOptions(), campaign });
  say(costText(asked.sweep, plans));
  return plans;
}

async function fresh(argv: SweepArguments): Promise<Ready> {
  requireKeptHere(argv);
  const asked = await askedSweep(argv);
  const host = onlyHost(`sweep "${argv.sweep}"`, argv.host);
  const campaign = argv.name ?? freshCampaignName(new Date(), 'sweep');
  using pool = hostPool(host === undefined ? [] : [host]);
  const hosts = pool.planned.length === 0 ? undefined : pool.planned;
  const plan = () => planSweep(asked, argv, { ...prepareOptions(), campaign, hosts });
  const names = asked.variants.map(({ name }) => name);
  const variants = names.length === 0 ? undefined : names;
  const pointsMost = argv.pointsMost ?? DEFAULT_POINTS;
  const { directory, plans } = await beginCampaign({
    name: campaign,
    out: argv.out,
    variants,
    pointsMost,
    plan,
  });
  say(costText(asked.sweep, plans));
  return { directory, sweep: asked.sweep, arms: armsOf(plans, variants), pointsMost };
}

async function resumed(argv: SweepArguments, reference: string): Promise<Ready> {
  requireOnlyDirectory(reference, 'a sweep', fixedBySweep(argv));
  const directory = resolve(reference);
  const { plans, variants, pointsMost = DEFAULT_POINTS } = await readCampaign(directory);
  const [sweep, ...others] = new Set(plans.map(({ scenario }) => sweepOf(scenario.name)));
  if (plans.length > ARMS.length || sweep === undefined || others.length > 0) {
    throw usageFault(
      `cannot resume "${reference}": it is not the directory of a sweep; use crashpath run --resume for other campaigns`,
    );
  }
  if (sweep !== knownSweep(argv.sweep ?? sweep))
    throw usageFault(
      `cannot resume "${reference}" as "${argv.sweep}": it is a sweep of ${sweep}; name only the directory`,
    );
  return { directory, sweep, arms: armsOf(plans, variants), pointsMost: argv.pointsMost ?? pointsMost };
}

function armsOf(plans: readonly RunPlan[], variants: readonly string[] | undefined): NamedArm[] {
  return plans.map((template, index) => {
    const arm = ARMS[index];
    if (arm === undefined)
      throw harnessFault(`cannot sweep ${plans.length} crash paths; at most ${ARMS.length} can be swept`);
    const variant = variants?.[index];
    // A sweep of an older version has the names beside its plans alone.
    return { arm, template: variant === undefined ? template : { ...template, variant }, variant };
  });
}
