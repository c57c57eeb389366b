import type { MachineClaim } from '../proof/proofs.js';
import { under, type MachineProfile } from './machine-profile.js';
import type { Scenario } from './scenario.js';
import { GUEST_DEFAULTS } from './guest-defaults.js';
import { type Hardware, hardwareOf } from './hardware.js';

/** A machine profile, and whether the caller or the scenario named it, which decides the precedence. */
export interface ChosenProfile {
  readonly profile: MachineProfile;
  readonly askedBy: 'caller' | 'scenario';
}

/** The caller's choices, which override profile and scenario; undefined leaves them. */
export interface MachineChoices {
  readonly profile?: ChosenProfile | undefined;
  readonly cpus?: number | undefined;
  readonly memoryMiB?: number | undefined;
  readonly machine?: string | undefined;
  readonly cpuModel?: string | undefined;
}

/** The machine of one run. */
export interface Machine {
  readonly type: string;
  readonly cpuModel: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** Absent for the default machine. */
  readonly name?: string;
  /** Absent for a machine without special parts. */
  readonly hardware?: Hardware;
  /** Absent without a profile. */
  readonly prove?: MachineClaim[];
}

/**
 * Chooses the machine. Precedence, highest first: single options, a profile that the caller named,
 * the scenario's own guest, a profile that the scenario names, the defaults. Pure.
 */
export function chooseMachine(
  { guest }: Pick<Scenario, 'guest'>,
  choices: MachineChoices,
  accel: 'kvm' | 'tcg',
): Machine {
  const profile = choices.profile?.profile;
  const layers =
    choices.profile?.askedBy === 'caller' ? [choices, profile, guest] : [choices, guest, profile];
  const wished = <K extends 'cpus' | 'memoryMiB'>(key: K) =>
    layers.map((layer) => layer?.[key]).find((value) => value !== undefined);
  const cpus = wished('cpus') ?? GUEST_DEFAULTS.cpus;
  const machine = {
    type: choices.machine ?? profile?.machine ?? GUEST_DEFAULTS.machine,
    cpuModel:
      choices.cpuModel ??
      (profile === undefined ? undefined : under(accel, profile.cpuModel)) ??
      (accel === 'kvm' ? 'host' : 'max'),
    cpus,
    memoryMiB: wished('memoryMiB') ?? GUEST_DEFAULTS.memoryMiB,
  };
  const hardware = profile === undefined ? undefined : hardwareOf(profile);
  const name = nameOf(profile?.name, choices);
  return {
    ...machine,
    ...(name === undefined ? {} : { name }),
    ...(hardware === undefined ? {} : { hardware }),
    ...(profile === undefined ? {} : { prove: [vcpusFact(cpus), ...profile.prove] }),
  };
}

/** The claim that all the guest's vCPUs are online. */
export function vcpusFact(cpus: number): MachineClaim {
  return { output: { of: 'grep -c ^processor /proc/cpuinfo', equals: String(cpus) } };
}

/** The profile's name and the changes to it: `ivy-bridge`, `ivy-bridge cpus=8`, `machine=q35`. */
function nameOf(profile: string | undefined, choices: MachineChoices): string | undefined {
  const changed = [
    ['machine', choices.machine],
    ['cpu-model', choices.cpuModel],
    // Without a profile, vCPUs and memory are ordinary choices and not part of the name.
    ...(profile === undefined
      ? []
      : [
          ['cpus', choices.cpus],
          ['memory', choices.memoryMiB],
        ]),
  ].flatMap(([option, value]) => (value === undefined ? [] : [`${option}=${value}`]));
  const words = [...(profile === undefined ? [] : [profile]), ...changed];
  return words.length === 0 ? undefined : words.join(' ');
}
