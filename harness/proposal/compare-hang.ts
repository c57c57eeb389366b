import type { Autopsy } from '../model/autopsy.js';
import type { CpuStack } from '../stacks/cpu-stack.js';
import { isSameFunction } from './lock-table.js';
import { isRelation, type NoRelation, type Relation, relationIn } from './relation.js';

/** How a hang compares with the stacks that were given. */
export interface HangComparison {
  /** The same function waits for the same lock, held in the same function. */
  readonly same: boolean;
  /** One statement each: what is the same, and what differs. */
  readonly saw: readonly string[];
}

/** Compares the stacks of a run that hung with those that it was proposed from. Pure. */
export function compareHang(
  given: Relation,
  { stacks, autopsy }: { readonly stacks: readonly CpuStack[]; readonly autopsy: Autopsy | undefined },
): HangComparison {
  const seen: Relation | NoRelation = relationIn(stacks, autopsy?.waits ?? []);
  if (!isRelation(seen)) {
    const why = seen.missing[0] ?? 'its stacks show no wait';
    return { same: false, saw: [`the run's stacks do not show who waits for whom: ${why}`] };
  }
  const waits = isSameFunction(given.waiter.takenIn, seen.waiter.takenIn);
  const lock = given.lock === undefined || seen.lock === undefined ? undefined : given.lock === seen.lock;
  const kind = given.kind === seen.kind;
  const holds = seen.holder.candidates.some((name) =>
    given.holder.candidates.some((other) => isSameFunction(name, other)),
  );
  const saw = [
    waits
      ? `waits in ${seen.waiter.takenIn}, as given`
      : `waits in ${seen.waiter.takenIn}; given: ${given.waiter.takenIn}`,
    lock === undefined
      ? `the lock is ${seen.lock ?? given.lock ?? 'not known'}, by one of the two only`
      : lock
        ? `for ${seen.lock}, as given`
        : `for ${seen.lock}; given: ${given.lock}`,
    kind && holds
      ? `held in ${seen.holder.interruptedIn}, as given`
      : `held ${seen.kind === 'own-cpu' ? 'by the same CPU ' : ''}in ${seen.holder.interruptedIn}; given: ${given.kind === 'own-cpu' ? 'by the same CPU ' : ''}in ${given.holder.interruptedIn}`,
    ...chainDifference('waiter', given.waiter.chain, seen.waiter.chain),
    ...chainDifference('holder', given.holder.chain, seen.holder.chain),
  ];
  return { same: waits && lock !== false && kind && holds, saw };
}

/** Functions that only one of two stacks has. */
function chainDifference(who: string, given: readonly string[], seen: readonly string[]): string[] {
  const without = (names: readonly string[], others: readonly string[]) =>
    names.filter((name) => !others.some((other) => isSameFunction(name, other))).slice(0, 12);
  const gone = without(given, seen);
  const fresh = without(seen, given);
  return [
    ...(gone.length === 0 ? [] : [`${who}: only in the given stack: ${gone.join(', ')}`]),
    ...(fresh.length === 0 ? [] : [`${who}: only in the run: ${fresh.join(', ')}`]),
  ];
}
