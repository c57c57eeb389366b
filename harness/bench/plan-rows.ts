import { Fault } from '../model/fault.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Scenario } from '../plan/scenario.js';
import { type PlanOptions, planTrials } from '../prepare/plan-runs.js';
import { loadScenarios } from '../prepare/scenario-files.js';
import type { PlannedCell } from '../prepare/trials.js';
import type { ZooRow } from './zoo.js';

/** Rows of the zoo as runs, and those that cannot run here, with the reason. */
export interface PlannedRows {
  readonly plans: readonly RunPlan[];
  readonly unrun: readonly { readonly name: string; readonly why: string }[];
}

/** Choices for all rows. */
export interface RowChoices {
  /** The seeded kernel's spec. */
  readonly seeded: string;
  readonly timeoutScale: number | undefined;
}

/**
 * Plans one run for each row; its scenario has the row's name. Rows whose kernels cannot be had (no network, no
 * compiler) are left out with the reason; any other fault is thrown.
 */
export async function planRows(
  rows: readonly ZooRow[],
  { seeded, timeoutScale }: RowChoices,
  options: PlanOptions,
): Promise<PlannedRows> {
  const plans: RunPlan[] = [];
  const unrun: { name: string; why: string }[] = [];
  const kernelsOf = (row: ZooRow) => `${row.kernel ?? seeded} ${row.captureKernel ?? ''}`;
  for (const kernels of new Set(rows.map(kernelsOf))) {
    const group = rows.filter((row) => kernelsOf(row) === kernels);
    const cells = await Promise.all(group.map((row) => cellOf(row, { seeded, options })));
    const trials = cells.map((cell) => ({ cell, trial: 1 }));
    try {
      plans.push(...(await planTrials(trials, { timeoutScale }, options)));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      unrun.push(...group.map(({ name }) => ({ name, why: error.message })));
    }
  }
  const place = new Map(rows.map(({ name }, index) => [name, index]));
  plans.sort((a, b) => (place.get(a.scenario.name) ?? 0) - (place.get(b.scenario.name) ?? 0));
  return { plans, unrun };
}

async function cellOf(
  row: ZooRow,
  { seeded, options }: { seeded: string; options: PlanOptions },
): Promise<PlannedCell> {
  const [base] = await loadScenarios(row.scenario, options);
  if (base === undefined) throw new Error(`scenario ${row.scenario} has no members`);
  return {
    scenario: scenarioOf(row, base),
    spec: row.kernel ?? seeded,
    captureSpec: row.captureKernel,
    append: commandLine(row.options.append, row.seed),
    captureAppend: commandLine(row.options.captureAppend, row.captureSeed),
  };
}

/** The scenario with the row's name, guest and first expectation. Pure. */
export function scenarioOf(row: ZooRow, base: Scenario): Scenario {
  const { cpus, memory: memoryMiB, crashkernel, vmcore } = row.options;
  const guest = Object.entries({ cpus, memoryMiB, crashkernel }).filter(([, value]) => value !== undefined);
  const [{ word, detail, quality } = { word: 'captured' as const }] = row.expect;
  return {
    ...base,
    name: row.name,
    summary: row.truth.slice(0, 160),
    guest: { ...base.guest, ...Object.fromEntries(guest) },
    ...(vmcore && { vmcore }),
    prepare: [...base.prepare, ...row.prepare],
    expect: { verdict: word, ...(detail && { detail }), ...(quality && { quality }) },
  };
}

function commandLine(append: string | undefined, seed: string | undefined): string | undefined {
  const words = [
    ...(append === undefined ? [] : [append]),
    ...(seed === undefined ? [] : [`cpseed=${seed}`]),
  ];
  return words.length === 0 ? undefined : words.join(' ');
}
