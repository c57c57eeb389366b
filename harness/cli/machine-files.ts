import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { usageFault } from '../model/fault.js';
import type { MachineProfile } from '../plan/machine-profile.js';
import { readMachineProfile } from '../plan/read-machine-profile.js';
import { PACKAGE_ROOT } from './context.js';
import { nearest } from './nearest.js';
import { readTextFile } from './text-file.js';

const MACHINES = join(PACKAGE_ROOT, 'scenarios', 'machines');

/** Names of the machine profiles that come with crashpath. */
export async function machineNames(): Promise<string[]> {
  const files = await readdir(MACHINES);
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}

/**
 * Loads a machine profile by name, or by path when the reference ends in .yaml or holds a slash. Throws a usage fault
 * that says what is wrong and where, for an unknown name with the nearest ones.
 */
export async function loadMachine(reference: string): Promise<MachineProfile> {
  if (reference.includes('/') || /\.ya?ml$/.test(reference)) {
    return readMachineProfile(await textOf(resolve(reference), reference), reference);
  }
  const names = await machineNames();
  if (!names.includes(reference)) {
    const near = nearest(reference, names);
    const hint = near.length === 0 ? `choose one of ${names.join(', ')}` : `nearest: ${near.join(', ')}`;
    throw usageFault(
      `cannot find machine profile "${reference}": no profile has that name; ${hint}; see crashpath list machines`,
    );
  }
  return readMachineProfile(
    await textOf(join(MACHINES, `${reference}.yaml`), reference),
    `${reference}.yaml`,
  );
}

function textOf(path: string, reference: string): Promise<string> {
  const remedy = 'name a profile of crashpath list machines or a .yaml file';
  return readTextFile(path, { what: 'machine profile', reference, remedy });
}
