import { resolve } from 'node:path';
import { settingOf } from '../../campaign/run-lock-sweep.js';
import { usageFault } from '../../model/fault.js';
import { nearest } from '../../model/nearest.js';
import { cpusAskedFor } from '../../plan/command-line.js';
import { GUEST_DEFAULTS } from '../../plan/guest-defaults.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { planTrials, type PlanOptions } from '../../prepare/plan-runs.js';
import { type Trial, trialsOf } from '../../prepare/trials.js';
import { readTextFile } from '../../prepare/yaml-files.js';
import { countOf } from '../../report/words.js';
import { DEFAULT_CONTEXT, MOST_CPUS } from '../../sweep/crash-locks/contexts.js';
import { ROUNDS } from '../../sweep/crash-locks/lock-functions.js';
import { firstLockScenario } from '../../sweep/crash-locks/record-script.js';
import { readVariants, type Variant } from '../../sweep/crash-locks/variants-file.js';
import { SWEEPS, type SweepName } from '../../sweep/map.js';
import { firstScenario } from '../../sweep/script.js';
import { besideVariants, type SweepArguments } from '../words/sweep.js';

/** What a command line asks for: which sweep, of which kernels, or of which crash paths of one. */
export interface AskedSweep {
  readonly sweep: SweepName;
  readonly kernels: readonly string[];
  /** Empty without a file of variants. */
  readonly variants: readonly Variant[];
}

/** Reads the words of a sweep that is to begin. Throws a usage fault for words that contradict each other. */
export async function askedSweep(argv: SweepArguments): Promise<AskedSweep> {
  const sweep = knownSweep(argv.sweep);
  const kernels = kernelsOf(argv);
  if (argv.machineProfile.length > 1) {
    throw usageFault(
      `cannot sweep "${sweep}" on the machines ${argv.machineProfile.join(', ')}: a map is of one machine; give --machine-profile once`,
    );
  }
  for (const option of ['context', 'variants', 'pstore'] as const) {
    const given = argv[option];
    if (given === undefined || given === false || sweep === 'crash-locks') continue;
    throw usageFault(
      `cannot use --${option}${given === true ? '' : ` "${given}"`}: the sweep ${sweep} has none; leave it out, or sweep crash-locks`,
    );
  }
  if (sweep === 'crash-locks') requireFewCpus(argv.append ?? '', argv.cpus ?? GUEST_DEFAULTS.cpus);
  if (argv.variants === undefined) return { sweep, kernels, variants: [] };
  const beside = besideVariants(argv);
  if (beside !== undefined) {
    throw usageFault(
      `cannot use --variants "${argv.variants}" with ${beside.options.join(' ')}: ${beside.remedy}`,
    );
  }
  const remedy = 'name a .yaml file as docs/crash-locks.md describes it';
  const named = { what: 'variants file', reference: argv.variants, remedy };
  const { variants } = readVariants(await readTextFile(resolve(argv.variants), named), argv.variants);
  return { sweep, kernels, variants };
}

/**
 * Plans the guests of a sweep, in the order of its maps; the plans themselves are not run. Throws usage faults, also for
 * a number of vCPUs that the sweep cannot have.
 */
export async function planSweep(
  { sweep, kernels, variants }: AskedSweep,
  argv: SweepArguments,
  options: PlanOptions,
): Promise<RunPlan[]> {
  const named = { ...argv, kernel: kernels };
  if (sweep === 'nmi-transition') {
    return planTrials(await trialsOf({ ...named, scenario: [firstScenario()] }, options), argv, options);
  }
  const trials: Trial[] = [];
  const { context = DEFAULT_CONTEXT, pstore } = argv;
  const alone = {
    ...{ context, pstore },
    cpus: GUEST_DEFAULTS.cpus,
    append: argv.append,
    captureAppend: argv.captureAppend,
    captureCmdline: argv.captureCmdline,
    loadSyscall: argv.loadSyscall,
  };
  for (const variant of variants.length === 0 ? [alone] : variants) {
    const { append, captureAppend, captureCmdline, loadSyscall, ...setting } = variant;
    const scenario = [firstLockScenario(setting)];
    const planned = await trialsOf({ ...named, append, captureAppend, scenario }, options);
    trials.push(
      ...planned.map(({ cell, trial }) => ({ cell: { ...cell, captureCmdline, loadSyscall }, trial })),
    );
  }
  const plans = await planTrials(trials, argv, options);
  for (const [index, plan] of plans.entries()) requireCpus(plan, variants[index]);
  return plans.map((plan, index) => {
    const variant = variants[index]?.name;
    return variant === undefined ? plan : { ...plan, variant };
  });
}

/** Throws a usage fault for more CPUs than a script can hold. */
function requireFewCpus(append: string, present: number): void {
  const cpus = cpusAskedFor(append, present)?.count ?? present;
  if (cpus <= MOST_CPUS) return;
  throw usageFault(
    `cannot sweep crash-locks with ${cpus} vCPUs: each is held, and a script has room for ${MOST_CPUS}; give --cpus ${MOST_CPUS} or less`,
  );
}

/** Throws a usage fault for guests that would not be what was asked for: a machine profile decides before a file. */
function requireCpus(plan: RunPlan, variant: Variant | undefined): void {
  requireFewCpus(plan.append, plan.machine.cpus);
  const { cpus } = settingOf(plan);
  if (variant === undefined || variant.cpus === cpus) return;
  throw usageFault(
    `cannot sweep the variant "${variant.name}" with ${countOf(cpus, 'vCPU')}: the machine profile or the variant's command line decides, and the file says ${variant.cpus}; make them agree`,
  );
}

/** Runs of one map, between those of the maps that are measured (docs/crash-locks.md, docs/nmi-window.md). */
export const TYPICAL_RUNS: Readonly<Record<SweepName, number>> = { 'nmi-transition': 28, 'crash-locks': 38 };

/** What a sweep will cost, as far as it is known before anything is recorded. */
export function costText(sweep: SweepName, plans: readonly RunPlan[]): string {
  const maps = countOf(plans.length, 'crash path');
  const each = plans.length === 1 ? '' : ' for each';
  if (sweep === 'nmi-transition') return `${maps}: about 25 to 30 runs${each}`;
  return `${maps}: about 30 to 45 runs${each}; ${ROUNDS.length} of them record the locks, some 8 the locked instructions, the others hold one lock each, and are counted when these are known`;
}

/** The sweep that a word names. Throws a usage fault for a word that names none. */
export function knownSweep(given: string | undefined): SweepName {
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
