import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { usageFault } from '../model/fault.js';
import type { Scenario } from '../plan/scenario.js';
import { readScenarios } from '../plan/read-scenarios.js';
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
 * Loads the scenarios of a reference: one, all members of a matrix by its file's name, or one member by its own. A
 * reference is a name, or by path when the reference ends in .yaml or holds a slash. Throws a
 * usage fault that says what is wrong and where.
 */
export async function loadScenarios(reference: string): Promise<Scenario[]> {
  if (isScenarioPath(reference)) {
    return readScenarios(await textOf(resolve(reference), reference), reference);
  }
  const names = await scenarioNames();
  if (!names.includes(reference)) {
    const member = await memberNamed(reference, names);
    if (member !== undefined) return [member];
    const near = nearest(reference, await runnableNames());
    const hint =
      near.length === 0
        ? `choose one of ${names.join(', ')}`
        : `did you mean "${near[0]}"? See crashpath list`;
    throw usageFault(`cannot find scenario "${reference}": no scenario has that name; ${hint}`);
  }
  return readScenarios(await textOf(join(SCENARIOS, `${reference}.yaml`), reference), `${reference}.yaml`);
}

/** A member of a matrix that comes with crashpath. */
async function memberNamed(name: string, files: readonly string[]): Promise<Scenario | undefined> {
  for (const file of files.filter((candidate) => name.startsWith(`${candidate}-`))) {
    const member = (await loadScenarios(file)).find((scenario) => scenario.name === name);
    if (member !== undefined) return member;
  }
  return undefined;
}

/** Every name that `run` takes: files, and the members of those that are a matrix. */
export async function runnableNames(): Promise<string[]> {
  const files = await scenarioNames();
  const scenarios = await Promise.all(files.map(loadScenarios));
  return [...new Set([...files, ...scenarios.flat().map(({ name }) => name)])];
}

function textOf(path: string, reference: string): Promise<string> {
  const remedy = 'name a scenario of crashpath list or a .yaml file';
  return readTextFile(path, { what: 'scenario', reference, remedy });
}
