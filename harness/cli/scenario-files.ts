import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { closest } from 'fastest-levenshtein';
import { usageFault } from '../model/fault.js';
import type { Scenario } from '../model/scenario.js';
import { readScenario } from '../plan/read-scenario.js';
import { PACKAGE_ROOT } from './context.js';

const SCENARIOS = join(PACKAGE_ROOT, 'scenarios');

/** Names of the scenarios that come with crashpath. */
export async function scenarioNames(): Promise<string[]> {
  const files = await readdir(SCENARIOS);
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}

/** Loads a scenario by name, or by path when the reference ends in .yaml or holds a slash. */
export async function loadScenario(reference: string): Promise<Scenario> {
  const isPath = reference.includes('/') || /\.ya?ml$/.test(reference);
  const path = isPath ? resolve(reference) : join(SCENARIOS, `${reference}.yaml`);
  if (!isPath) {
    const names = await scenarioNames();
    if (!names.includes(reference)) {
      throw usageFault(
        `cannot find scenario "${reference}": did you mean "${closest(reference, names)}"; see crashpath list`,
      );
    }
  }
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw usageFault(
      `cannot read scenario "${reference}": ${error instanceof Error ? error.message : String(error)}; name a scenario of crashpath list or a .yaml file`,
      error,
    );
  }
  return readScenario(text, isPath ? reference : `${reference}.yaml`);
}
