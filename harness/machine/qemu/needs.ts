import { isAtLeast, leadingVersion, type Version } from '../../model/version.js';
import { NIC_MODELS, type NicModel } from '../../model/nic.js';
import { MissingAbility } from '../machine.js';
import { NIC_DEVICES } from './nic.js';

/** Cards that QEMU did not have before a version. */
const SINCE: Partial<Readonly<Record<NicModel, Version>>> = { igb: { major: 8, minor: 0 } };

/** The QEMU devices of cards that every QEMU from 7.2 on has, unless it was built without. */
export function cardsOfEveryQemu(): string[] {
  return NIC_MODELS.filter((model) => SINCE[model] === undefined).map((model) => NIC_DEVICES[model]);
}

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
