import type { Repack } from './guest-defaults.js';
import type { RunPlan } from './run-plan.js';
import type { Scenario } from './scenario.js';

/** Which kernels of a run a caller's `--repack` means; undefined: none, because its scenario is about how kernels start. Pure. */
export function repackFor({ repack, crashKernel }: Scenario, asked: Repack | undefined): Repack | undefined {
  if (asked === undefined || repack === 'never') return undefined;
  if (crashKernel === 'loaded') return asked;
  return asked === 'capture' ? undefined : 'first';
}

/** Which kernels of a planned run are repacked; undefined: none. Pure. */
export function repackOf({ repacked }: Pick<RunPlan, 'repacked'>): Repack | undefined {
  const { first, capture } = repacked ?? {};
  if (first !== undefined) return capture === undefined ? 'first' : 'both';
  return capture === undefined ? undefined : 'capture';
}
