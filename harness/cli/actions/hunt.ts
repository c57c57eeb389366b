import { relative, resolve } from 'node:path';
import { readBegun } from '../../campaign/read-begun.js';
import { remainingPlans } from '../../campaign/resume.js';
import { FoundSoFar } from '../../campaign/until-found.js';
import { keptGuests } from '../../kept/kept-guests.js';
import { EXIT, usageFault } from '../../model/fault.js';
import { STORE_SCHEMA } from '../../model/record.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { HANGS, type Until } from '../../plan/until.js';
import { freshNonce, planTrials } from '../../prepare/plan-runs.js';
import { trialsOf } from '../../prepare/trials.js';
import { type Found, rateText } from '../../report/found.js';
import { guestText } from '../../report/kept-text.js';
import { shellWord } from '../../report/words.js';
import { readCampaign } from '../../store/campaign-directory.js';
import { withCampaignLock } from '../../store/campaign-lock.js';
import { LOCAL_HOST_NAME } from '../../ssh/address.js';
import { prepareOptions, print, say } from '../context.js';
import { cacheDirectory } from '../directories.js';
import { DEFAULT_TRIALS, fixedByHunt, HUNT_KEEPS_MINUTES, type HuntArguments } from '../words/hunt.js';
import { beginCampaign, freshCampaignName, jobsHere, requireOnlyDirectory } from './campaigns.js';
import { type CampaignEnd, runAndReport } from './run-and-report.js';

/** A hunt that is about to begin, or to go on. */
interface Hunt {
  readonly directory: string;
  readonly campaign: readonly RunPlan[];
  readonly plans: readonly RunPlan[];
  readonly until: Until;
  readonly earlier: CampaignEnd['results'];
}

/** Carries out `crashpath hunt`. Returns the exit code, see {@link huntExitCode}. */
export async function hunt(argv: HuntArguments): Promise<number> {
  if (argv.resume !== undefined) return resumed(argv, argv.resume);
  const begun = await fresh(argv);
  return withCampaignLock(begun.directory, () => carryOn(argv, begun));
}

async function carryOn(argv: HuntArguments, begun: Hunt): Promise<number> {
  const { directory, campaign, plans, until, earlier } = begun;
  return runAndReport(directory, plans, {
    ...{ json: argv.json, clones: argv.clone, command: 'hunt', campaign, until, earlier },
    ...(await jobsHere(argv.jobs ?? 'auto', plans, say)),
    endMs: argv.for === undefined ? undefined : performance.now() + 1000 * argv.for,
    conclude: (end) => conclude(end, { json: argv.json, until, planned: campaign.length }),
  });
}

function isOver({ campaign, plans, until, earlier }: Hunt): boolean {
  const found = new FoundSoFar(campaign, until);
  for (const result of earlier) found.add(result);
  return plans.every((plan) => found.isNeedless(plan));
}

async function fresh(argv: HuntArguments): Promise<Hunt> {
  const { scenario, kernel, host } = argv;
  if (scenario === undefined)
    throw usageFault('cannot hunt: no scenario is named; name one of crashpath list');
  if (kernel === undefined)
    throw usageFault(
      `cannot hunt "${scenario}": no kernel is given; give --kernel, e.g. --kernel debian:6.1`,
    );
  const there = host.find((name) => name !== LOCAL_HOST_NAME);
  if (there !== undefined) {
    throw usageFault(
      `cannot hunt on host "${there}": the guest that is found stays up, which is possible on this host only; leave out --host`,
    );
  }
  const until: Until = { count: 1, verdicts: argv.find ?? HANGS };
  const name = argv.name ?? freshCampaignName(new Date(), 'hunt');
  const options = { ...prepareOptions(), campaign: name };
  const choices = {
    ...argv,
    keepFailed: argv.keepFailed ?? 1,
    keepMinutes: argv.keepMinutes ?? HUNT_KEEPS_MINUTES,
  };
  const plan = async () => {
    const named = {
      ...argv,
      scenario: [scenario],
      kernel: [kernel],
      repeat: argv.trials ?? DEFAULT_TRIALS,
    };
    const planned = await planTrials(await trialsOf(named, options), choices, options);
    requireOne(scenario, planned);
    await requireRoom(planned);
    return planned.map((one) =>
      one.keepFailed === undefined
        ? one
        : { ...one, keepFailed: { ...one.keepFailed, verdicts: until.verdicts } },
    );
  };
  const { directory, plans } = await beginCampaign({ name, out: argv.out, until, plan });
  return { directory, plans, campaign: plans, until, earlier: [] };
}

/** Throws a usage fault for a scenario file with several scenarios, and for one that runs on several machines. */
function requireOne(scenario: string, plans: readonly RunPlan[]): void {
  const cells = new Set(plans.map((plan) => JSON.stringify([plan.scenario.name, plan.machine.name])));
  if (cells.size <= 1) return;
  throw usageFault(
    `cannot hunt "${scenario}": it means ${cells.size} scenarios or machines; name one scenario, and one --machine-profile`,
  );
}

async function resumed(argv: HuntArguments, reference: string): Promise<number> {
  requireOnlyDirectory(reference, 'a hunt', fixedByHunt(argv));
  const directory = resolve(reference);
  const { plans: campaign, until, name } = await readCampaign(directory);
  if (until === undefined) {
    throw usageFault(
      `cannot resume hunt "${reference}": it is no hunt; if it is a campaign of crashpath run, continue it with crashpath run --resume`,
    );
  }
  return withCampaignLock(directory, async () => {
    const { begun, earlier } = await readBegun(directory, { repair: true });
    const plans = remainingPlans(campaign, begun, freshNonce);
    say(`${name}: ${campaign.length - plans.length} of at most ${campaign.length} trials have ended`);
    const hunt = { directory, campaign, plans, until, earlier };
    // The guest of a hunt that has found what it searched for may be the one that is up.
    if (!isOver(hunt)) await requireRoom(plans);
    return carryOn(argv, hunt);
  });
}

/** Throws a usage fault when the guest that is found could not stay up: others are up already. */
async function requireRoom([plan]: readonly RunPlan[]): Promise<void> {
  if (plan?.keepFailed === undefined) return;
  const { most } = plan.keepFailed;
  const up = await keptGuests(cacheDirectory());
  if (up.length < most) return;
  throw usageFault(
    `cannot keep the guest that is found: ${up.length} of ${most} are up already; end them (crashpath attach --list), or give --keep-failed ${up.length + 1}`,
  );
}

/** Prints what was found, and what to do next. Returns the exit code. */
function conclude(
  { directory, results, found, left }: CampaignEnd,
  { json, until, planned }: { readonly json: boolean; readonly until: Until; readonly planned: number },
): number {
  const [cell] = found?.cells() ?? [];
  const exitCode = huntExitCode(cell, results);
  const first = results.find(({ runId }) => runId === cell?.runs[0]);
  if (json) {
    const counts = { found: cell?.found ?? 0, trials: cell?.trials ?? 0, undecided: cell?.undecided ?? 0 };
    const run = first === undefined ? null : { runId: first.runId, directory: first.directory };
    const object = {
      schema: STORE_SCHEMA,
      kind: 'hunt',
      verdicts: until.verdicts,
      ...counts,
      run,
      left,
      exitCode,
    };
    print(`${JSON.stringify(object)}\n`);
    return exitCode;
  }
  const lines: string[] = [];
  if (cell !== undefined) lines.push(rateText(cell, until));
  if (first !== undefined) {
    const run = shellWord(relative('.', first.directory));
    const guest = guestText(first);
    lines.push(`${first.runId}: ${first.verdict}/${first.detail}: ${first.explanation}`);
    lines.push(...(guest === undefined ? [] : [`guest: ${guest}`]), 'next:');
    lines.push(`  crashpath show ${run}`, `  crashpath autopsy ${run}`);
    if (guest !== undefined && first.guestKept !== undefined && 'pid' in first.guestKept)
      lines.push(`  crashpath attach ${run}`, `  crashpath attach ${run} --end`);
    lines.push(`  crashpath bundle ${run} -o hang.tar.zst`);
  } else if (left > 0) {
    const directoryWord = shellWord(relative('.', directory));
    lines.push(`${left} of ${planned} trials are left: crashpath hunt --resume ${directoryWord}`);
  }
  print(`\n${lines.join('\n')}\n`);
  return exitCode;
}

/**
 * The exit code of a hunt: 1 when it found what it searched for, which is a verdict that a kernel should not have; else 0
 * when trials were judged; else 3 when all were harness errors, and 2 when some were void or none had ended. Pure.
 */
export function huntExitCode(
  cell: Pick<Found, 'found' | 'trials'> | undefined,
  results: readonly { readonly outcome: string }[],
): number {
  if (cell !== undefined && cell.found > 0) return EXIT.unexpected;
  if (cell !== undefined && cell.trials > 0) return EXIT.expected;
  const isBroken = results.length > 0 && results.every(({ outcome }) => outcome === 'harness-error');
  return isBroken ? EXIT.harness : EXIT.inconclusive;
}
