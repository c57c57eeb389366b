import { usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { MachineProfile } from '../plan/machine-profile.js';
import type { Scenario } from '../plan/scenario.js';
import type { ChosenProfile } from '../plan/choose-machine.js';
import { loadMachine } from './machine-files.js';

/** The machines of each scenario; `undefined` is the default one. */
export type MachinesOf = (scenario: Scenario) => readonly (ChosenProfile | undefined)[];

/**
 * Loads the profiles that the caller named, which go for every scenario, else those that each scenario asks for.
 * Throws usage faults for a profile that is not there or is named twice.
 */
export async function loadMachines(
  named: readonly string[],
  scenarios: readonly Scenario[],
): Promise<MachinesOf> {
  const own = await loadDistinct(named);
  if (own.length > 0) return () => own.map((profile): ChosenProfile => ({ profile, askedBy: 'caller' }));
  const wanted = new Map<Scenario, ChosenProfile[]>();
  for (const scenario of scenarios) {
    const profiles = await loadDistinct([scenario.guest.profile ?? []].flat());
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

async function loadDistinct(references: readonly string[]): Promise<MachineProfile[]> {
  const profiles = await Promise.all(references.map(loadMachine));
  const twice = profiles.find(
    ({ name }, index) => profiles.findIndex((other) => other.name === name) < index,
  );
  if (twice === undefined) return profiles;
  throw usageFault(
    `cannot run on machine profile "${twice.name}": it is named twice; name it once, and use --repeat for more runs`,
  );
}

/** Why a kernel cannot run on a machine; undefined when it can. Pure. */
export function misfit(kernel: Kernel, machine: ChosenProfile | undefined): string | undefined {
  const needed = machine?.profile.kernelBits;
  const bits = kernel.bits ?? 64;
  if (needed === undefined || needed === bits) return undefined;
  return `${machine?.profile.name} runs ${needed}-bit kernels only, ${kernel.spec} is a ${bits}-bit one`;
}

/** A scenario, a kernel and a machine. */
interface Crossing {
  readonly scenario: Scenario;
  readonly kernel: Kernel;
  readonly machine: ChosenProfile | undefined;
}

/**
 * The crossings that can run, and why the others cannot. Throws a usage fault when a kernel, a scenario or a machine
 * would be left without any run: that is a mistake, not a gap in a table. Pure.
 */
export function fittingOnly<T extends Crossing>(crossings: readonly T[]): { fit: T[]; leftOut: string[] } {
  const judged = crossings.map((crossing) => ({
    crossing,
    why: misfit(crossing.kernel, crossing.machine),
  }));
  const fit = judged.flatMap(({ crossing, why }) => (why === undefined ? [crossing] : []));
  for (const { crossing, why } of judged) {
    if (why === undefined) continue;
    const { scenario, kernel, machine } = crossing;
    // What a scenario asks for in a list is a wish for those that fit; what the caller names is meant.
    const lost =
      !fit.some((other) => other.scenario === scenario && other.kernel === kernel) ||
      (machine?.askedBy === 'caller' && !fit.some((other) => other.machine === machine));
    if (lost) {
      throw usageFault(
        `cannot run scenario "${scenario.name}" on machine "${machine?.profile.name}": ${why}; name a kernel that fits, e.g. debian:6.1-686-pae or debian:6.1`,
      );
    }
  }
  return { fit, leftOut: [...new Set(judged.flatMap(({ why }) => why ?? []))] };
}
