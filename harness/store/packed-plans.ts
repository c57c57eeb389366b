import { z } from 'zod';
import { guestName } from '../plan/guest-spec.js';
import { renamedPlan } from '../plan/make-plan.js';
import { type RunPlan, RunPlanSchema } from '../plan/run-plan.js';

/** A plan that differs from an earlier one of the same list in these fields only. */
const LikeSchema = z.strictObject({
  /** Position of the earlier one, from 0. */
  like: z.number().int().nonnegative(),
  runId: z.string(),
  trial: z.number().int(),
  nonce: z.string(),
});
type Like = z.infer<typeof LikeSchema>;

/** Plans as a file stores them: of those that are alike, the first one is whole. */
export type PackedPlan = RunPlan | Like;

/** Packs plans: of ten thousand trials of one guest, one is stored whole. Pure. */
export function packPlans(plans: readonly RunPlan[]): PackedPlan[] {
  const first = new Map<string, number>();
  return plans.map((plan, index) => {
    const key = keyOf(plan);
    const like = first.get(key);
    if (like !== undefined) return { like, runId: plan.runId, trial: plan.trial, nonce: plan.nonce };
    first.set(key, index);
    return plan;
  });
}

function keyOf({ runId, trial: _trial, nonce: _nonce, ...rest }: RunPlan): string {
  const name = guestName(runId);
  const args = rest.qemu.args.map((word) => (word === name ? { name: true } : word));
  return JSON.stringify({ ...rest, qemu: { ...rest.qemu, args } });
}

/** The plans again; what is alike in them is one object. Undefined for a plan that is like none before it. Pure. */
function unpacked(items: readonly PackedPlan[]): RunPlan[] | undefined {
  const plans: RunPlan[] = [];
  for (const item of items) {
    if (!('like' in item)) {
      plans.push(item);
      continue;
    }
    const { like, runId, trial, nonce } = item;
    const base = plans[like];
    if (base === undefined) return undefined;
    plans.push({ ...renamedPlan(base, { runId, nonce }), trial });
  }
  return plans;
}

/**
 * Plans as they were packed, as one schema. What is alike is one object in memory: ten thousand plans take a few
 * megabytes. Files of older versions have whole plans only.
 */
export const PackedPlansSchema = z.array(z.union([LikeSchema, RunPlanSchema])).transform((items, context) => {
  const plans = unpacked(items);
  if (plans !== undefined) return plans;
  context.addIssue({ code: 'custom', message: 'a plan is like none before it' });
  return z.NEVER;
});

/** The same plans; what is alike in them is one object. Pure. */
export function sharePlans(plans: readonly RunPlan[]): RunPlan[] {
  return unpacked(packPlans(plans)) ?? [...plans];
}
