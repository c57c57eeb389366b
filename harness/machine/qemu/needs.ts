import { isAtLeast, leadingVersion, type Version } from '../../model/version.js';
import type { NicModel } from '../../model/nic.js';
import { MissingAbility } from '../machine.js';

/** Cards that QEMU did not have before a version. */
const SINCE: Partial<Readonly<Record<NicModel, Version>>> = { igb: { major: 8, minor: 0 } };

/** Throws {@link MissingAbility} for a card that this version of QEMU does not have: the run is void. */
export function requireCard(model: NicModel | undefined, version: string): void {
  const since = model === undefined ? undefined : SINCE[model];
  const there = leadingVersion(version);
  if (since === undefined || there === undefined || isAtLeast(there, since)) return;
  throw new MissingAbility(
    'network',
    `QEMU ${version}`,
    ` of model ${model} (QEMU ${since.major}.${since.minor} and later)`,
  );
}
