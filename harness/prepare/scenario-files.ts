import { join, resolve } from 'node:path';
import { usageFault } from '../model/fault.js';
import { nearest } from '../model/nearest.js';
import type { Scenario } from '../plan/scenario.js';
import { readScenarios } from '../plan/read-scenarios.js';
import type { ShippedFiles } from './options.js';
import { isPath, readTextFile, yamlNames } from './yaml-files.js';

/** Names of crashpath's scenario files. */
export async function scenarioNames({ packageRoot }: ShippedFiles): Promise<string[]> {
  return yamlNames(scenariosIn(packageRoot));
}

/**
 * Which scenarios does a reference mean? A path (it ends in .yaml or contains a slash) means the file; a name means a
 * file of crashpath, or one scenario of such a file that has axes. A file with axes gives one scenario for each
 * combination. Throws a usage fault with the mistake and its position.
 */
export async function loadScenarios(reference: string, files: ShippedFiles): Promise<Scenario[]> {
  if (isPath(reference)) return readScenarios(await textOf(resolve(reference), reference), reference);
  const names = await scenarioNames(files);
  if (names.includes(reference)) {
    const path = join(scenariosIn(files.packageRoot), `${reference}.yaml`);
    return readScenarios(await textOf(path, reference), `${reference}.yaml`);
  }
  const member = await memberNamed(reference, { names, files });
  if (member !== undefined) return [member];
  const near = nearest(reference, await runnableNames(files));
  const hint =
    near.length === 0 ? `choose one of ${names.join(', ')}` : `did you mean "${near[0]}"? See crashpath list`;
  throw usageFault(`cannot find scenario "${reference}": no scenario has that name; ${hint}`);
}

/** Every name that {@link loadScenarios} takes: of files, and of each scenario of the files that have axes. */
export async function runnableNames(files: ShippedFiles): Promise<string[]> {
  const names = await scenarioNames(files);
  const scenarios = await Promise.all(names.map((name) => loadScenarios(name, files)));
  return [...new Set([...names, ...scenarios.flat().map(({ name }) => name)])];
}

/** A scenario of a file with axes: its name begins with the file's. */
async function memberNamed(
  name: string,
  { names, files }: { names: readonly string[]; files: ShippedFiles },
): Promise<Scenario | undefined> {
  for (const file of names.filter((candidate) => name.startsWith(`${candidate}-`))) {
    const member = (await loadScenarios(file, files)).find((scenario) => scenario.name === name);
    if (member !== undefined) return member;
  }
  return undefined;
}

function scenariosIn(packageRoot: string): string {
  return join(packageRoot, 'scenarios');
}

function textOf(path: string, reference: string): Promise<string> {
  const remedy = 'name a scenario of crashpath list or a .yaml file';
  return readTextFile(path, { what: 'scenario', reference, remedy });
}
