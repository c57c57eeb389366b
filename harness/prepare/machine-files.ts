import { join, resolve } from 'node:path';
import { usageFault } from '../model/fault.js';
import type { MachineProfile } from '../plan/machine-profile.js';
import { nearest } from '../model/nearest.js';
import type { Scenario } from '../plan/scenario.js';
import type { ChosenProfile } from '../plan/choose-machine.js';
import { readMachineProfile } from '../plan/read-machine-profile.js';
import type { ShippedFiles } from './options.js';
import { isPath, readTextFile, yamlNames } from './yaml-files.js';

/** The machines that a scenario runs on; `undefined` is the default machine. */
export type MachinesOf = (scenario: Scenario) => readonly (ChosenProfile | undefined)[];

/** Names of crashpath's machine profiles. */
export async function machineNames({ packageRoot }: ShippedFiles): Promise<string[]> {
  return yamlNames(machinesIn(packageRoot));
}

/**
 * Which machine profile does a reference mean? A path (it ends in .yaml or contains a slash) means the file, a name a
 * profile of crashpath. Throws a usage fault that says what is wrong and where.
 */
export async function loadMachine(reference: string, files: ShippedFiles): Promise<MachineProfile> {
  if (isPath(reference)) return readMachineProfile(await textOf(resolve(reference), reference), reference);
  const names = await machineNames(files);
  if (!names.includes(reference)) {
    const near = nearest(reference, names);
    const hint = near.length === 0 ? `choose one of ${names.join(', ')}` : `nearest: ${near.join(', ')}`;
    throw usageFault(
      `cannot find machine profile "${reference}": no profile has that name; ${hint}; see crashpath list machines`,
    );
  }
  const path = join(machinesIn(files.packageRoot), `${reference}.yaml`);
  return readMachineProfile(await textOf(path, reference), `${reference}.yaml`);
}

/**
 * Which machines does each scenario run on? Profiles that the caller named apply to every scenario; without any, each
 * scenario's own apply. Throws a usage fault for a profile that does not exist or is named twice.
 */
export async function loadMachines(
  { named, scenarios }: { named: readonly string[]; scenarios: readonly Scenario[] },
  files: ShippedFiles,
): Promise<MachinesOf> {
  const callers = await loadDistinct(named, files);
  if (callers.length > 0)
    return () => callers.map((profile): ChosenProfile => ({ profile, askedBy: 'caller' }));
  const wanted = new Map<Scenario, ChosenProfile[]>();
  for (const scenario of scenarios) {
    const profiles = await loadDistinct([scenario.guest.profile ?? []].flat(), files);
    wanted.set(
      scenario,
      profiles.map((profile) => ({ profile, askedBy: 'scenario' })),
    );
  }
  return (scenario) => {
    const machines = wanted.get(scenario) ?? [];
    return machines.length === 0 ? [undefined] : machines;
  };
}

async function loadDistinct(references: readonly string[], files: ShippedFiles): Promise<MachineProfile[]> {
  const profiles = await Promise.all(references.map((reference) => loadMachine(reference, files)));
  const twice = profiles.find(
    ({ name }, index) => profiles.findIndex((other) => other.name === name) < index,
  );
  if (twice === undefined) return profiles;
  throw usageFault(
    `cannot run on machine profile "${twice.name}": it is named twice; name it once, and use --repeat for more runs`,
  );
}

function machinesIn(packageRoot: string): string {
  return join(packageRoot, 'scenarios', 'machines');
}

function textOf(path: string, reference: string): Promise<string> {
  const remedy = 'name a profile of crashpath list machines or a .yaml file';
  return readTextFile(path, { what: 'machine profile', reference, remedy });
}
