import { resolve } from 'node:path';
import { specBeside } from '../kernel/index.js';
import { usageFault } from '../model/fault.js';
import { VERDICTS } from '../model/verdict.js';
import { alternativesOf } from '../model/expectation.js';
import type { NightRead } from '../night/read-night.js';
import type { Scenario } from '../plan/scenario.js';
import { loadCampaign } from '../prepare/campaign-files.js';
import type { ShippedFiles } from '../prepare/options.js';
import type { GuestsChoices } from '../prepare/plan-runs.js';
import { loadScenarios } from '../prepare/scenario-files.js';
import { isPath } from '../prepare/yaml-files.js';

/** What every kernel of a night must stand. */
export interface NightCampaign {
  readonly rows: readonly NightRow[];
  readonly choices: GuestsChoices;
  readonly captureSpec: string | undefined;
  readonly append: string | undefined;
  readonly captureAppend: string | undefined;
}

/** A scenario of a night. */
export interface NightRow {
  readonly scenario: Scenario;
  readonly repeat: number;
  /** Whether crashpath finds this scenario by its name; else it is written to the night's directory. */
  readonly shipped: boolean;
}

/**
 * Loads the campaign of a night. Of a campaign file the scenarios and repeats count: the night has kernels of its own, and
 * compares them instead of expecting something. Throws usage faults, also for a scenario without a capture that could
 * fail, and for one that is named twice.
 */
export async function loadNightCampaign(
  night: NightRead,
  { base, files }: { readonly base: string; readonly files: ShippedFiles },
): Promise<NightCampaign> {
  const { accel, timeoutScale, vmcore, keepVmcore, repack } = night;
  const common = { accel, timeoutScale, vmcore, keepVmcore, repack };
  if (typeof night.campaign === 'string') {
    const choices = { scenarios: [], kernels: [], scale: 1 };
    const { cells } = await loadCampaign(resolve(base, night.campaign), choices, files);
    const seen = new Map(cells.map(({ scenario, repeat }) => [scenario.name, { scenario, repeat }]));
    return {
      rows: await rowsOf([...seen.values()], files),
      choices: common,
      captureSpec: undefined,
      append: undefined,
      captureAppend: undefined,
    };
  }
  const { scenarios, machines, repeat, captureKernel, append, captureAppend, ...guests } = night.campaign;
  const loaded: Scenario[] = [];
  for (const reference of scenarios)
    loaded.push(...(await loadScenarios(fileBeside(reference, base), files)));
  return {
    rows: await rowsOf(
      loaded.map((scenario) => ({ scenario, repeat })),
      files,
    ),
    choices: {
      ...common,
      ...guests,
      machineProfile: machines?.map((machine) => fileBeside(machine, base)),
    },
    captureSpec: captureKernel === undefined ? undefined : specBeside(captureKernel, base),
    append,
    captureAppend,
  };
}

/** A path is relative to the night's file. */
export function fileBeside(reference: string, base: string): string {
  return isPath(reference) ? resolve(base, reference) : reference;
}

async function rowsOf(
  loaded: readonly { readonly scenario: Scenario; readonly repeat: number }[],
  files: ShippedFiles,
): Promise<NightRow[]> {
  const rows: NightRow[] = [];
  for (const { scenario, repeat } of loaded) {
    requireComparable(scenario);
    if (rows.some((row) => row.scenario.name === scenario.name)) {
      throw usageFault(`cannot run a night with scenario "${scenario.name}" twice: drop one of them`);
    }
    rows.push({ scenario, repeat, shipped: await isShipped(scenario, files) });
  }
  return rows;
}

/** As `crashpath compare`: a rate of failed captures needs captures. */
function requireComparable({ name, crashKernel, expect }: Scenario): void {
  const due = alternativesOf(expect).every(({ verdict }) => VERDICTS[verdict].captureDue);
  if (crashKernel !== 'absent' && due) return;
  throw usageFault(
    `cannot run a night with scenario "${name}": a healthy kernel has no capture there that could fail; name it as a control, or choose a scenario that crashes with a capture kernel loaded`,
  );
}

/** Whether the name alone means this scenario. */
export async function isShipped(scenario: Scenario, files: ShippedFiles): Promise<boolean> {
  const named = await loadScenarios(scenario.name, files).catch(() => []);
  return named.length === 1 && JSON.stringify(named[0]) === JSON.stringify(scenario);
}
