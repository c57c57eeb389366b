import { usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { Scenario } from '../plan/scenario.js';
import type { ChosenProfile } from '../plan/choose-machine.js';

/** A scenario, a kernel and a machine. */
export interface Combination {
  readonly scenario: Scenario;
  readonly kernel: Kernel;
  readonly machine: ChosenProfile | undefined;
}

/**
 * Which combinations can run? Throws a usage fault when a scenario on a kernel, or a machine that the caller named, is
 * left without any run: that is a mistake, not a gap in a table. Pure.
 */
export function fittingOnly<T extends Combination>(
  combinations: readonly T[],
): { fit: T[]; leftOut: string[] } {
  const judged = combinations.map((combination) => ({ combination, why: misfit(combination) }));
  const fit = judged.flatMap(({ combination, why }) => (why === undefined ? [combination] : []));
  for (const { combination, why } of judged) {
    if (why === undefined) continue;
    const { scenario, kernel, machine } = combination;
    // A scenario may list machines that only some kernels fit; a machine that the caller named must run.
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

/** Why the kernel cannot run on the machine; undefined when it can. */
function misfit({ kernel, machine }: Combination): string | undefined {
  // UEFI firmware of 64 bits starts a kernel of 64 bits.
  const needed = machine?.profile.kernelBits ?? (machine?.profile.firmware === 'uefi' ? 64 : undefined);
  const bits = kernel.bits ?? 64;
  if (needed === undefined || needed === bits) return undefined;
  return `${machine?.profile.name} runs ${needed}-bit kernels only, ${kernel.spec} is a ${bits}-bit one`;
}
