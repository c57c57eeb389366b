import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { usageFault } from '../model/fault.js';
import type { Scenario } from '../model/scenario.js';
import { readScenario } from '../plan/read-scenario.js';
import { PACKAGE_ROOT } from './context.js';
import { nearest } from './nearest.js';
import { readTextFile } from './text-file.js';

const SCENARIOS = join(PACKAGE_ROOT, 'scenarios');

/** Names of the scenarios that come with crashpath. */
export async function scenarioNames(): Promise<string[]> {
  const files = await readdir(SCENARIOS);
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}

/** Whether a reference is a path, not a name. */
export function isScenarioPath(reference: string): boolean {
  return reference.includes('/') || /\.ya?ml$/.test(reference);
}

/**
 * Loads a scenario by name, or by path when the reference ends in .yaml or holds a slash. Throws a usage fault that
 * says what is wrong and where.
 */
export async function loadScenario(reference: string): Promise<Scenario> {
  if (isScenarioPath(reference)) return readScenario(await textOf(resolve(reference), reference), reference);
  const names = await scenarioNames();
  if (!names.includes(reference)) {
    const near = nearest(reference, names);
    const hint =
      near.length === 0
        ? `choose one of ${names.join(', ')}`
        : `did you mean "${near[0]}"? See crashpath list`;
    throw usageFault(`cannot find scenario "${reference}": no scenario has that name; ${hint}`);
  }
  return readScenario(await textOf(join(SCENARIOS, `${reference}.yaml`), reference), `${reference}.yaml`);
}

function textOf(path: string, reference: string): Promise<string> {
  const remedy = 'name a scenario of crashpath list or a .yaml file';
  return readTextFile(path, { what: 'scenario', reference, remedy });
}
