import { isOutermost, isSpinLock } from './functions.js';
import { type Choices, firstChoices, holdNames, keyOf } from './choices.js';
import { KNOWN_LOCKS, lockTakenIn, namesOf } from './lock-table.js';
import type { Obstacle } from './obstacle.js';
import type { Relation } from './relation.js';
import { stimuliFor } from './stimuli.js';

/** What a try showed. */
export type TryOutcome =
  /** Hung where the stacks say. */
  | { readonly kind: 'reproduced' }
  /** The state was reached and proved, and the run ended otherwise: captured, hung elsewhere, reset. */
  | { readonly kind: 'other-end' }
  /** The state was not reached. */
  | { readonly kind: 'void'; readonly obstacle: Obstacle }
  /** Nothing can be concluded, and no other choice changes that. */
  | { readonly kind: 'failed' };

export interface Tried {
  readonly choices: Choices;
  readonly outcome: TryOutcome;
}

/**
 * What to try next: first what the last try asks for (another function for one that the kernel lacks, another stimulus for a
 * place that was not reached), then the other things that the stacks leave open, one at a time. Undefined when all of them
 * were tried. Pure.
 */
export function nextChoices(relation: Relation, tried: readonly Tried[]): Choices | undefined {
  const last = tried.at(-1);
  if (last === undefined) return firstChoices(relation);
  const done = new Set(tried.map(({ choices }) => keyOf(choices)));
  const reached = tried.find(({ outcome }) => outcome.kind === 'other-end')?.choices;
  // Once a state was reached, a change that does not reach it is dropped, not repaired.
  const repaired =
    last.outcome.kind === 'void' && reached === undefined
      ? remedies(last.outcome.obstacle, { relation, choices: last.choices })
      : [];
  const wanted = [
    ...repaired,
    ...neighbours(relation, reached ?? last.choices),
    ...neighbours(relation, firstChoices(relation)),
  ];
  return wanted.find((choices) => !done.has(keyOf(choices)) && !isHopeless(choices, tried));
}

/** Choices that avoid an obstacle, the likeliest first. */
function remedies(
  obstacle: Obstacle,
  { relation, choices }: { relation: Relation; choices: Choices },
): Choices[] {
  switch (obstacle.kind) {
    case 'no-symbol': {
      let next = choices;
      const near: string[] = [];
      for (const { names, nearest } of obstacle.missing) {
        if (choices.lock !== undefined && names.includes(choices.lock)) next = { ...next, lock: undefined };
        else if (names.some((name) => choices.holdIn.includes(name))) near.push(...nearest);
        else if (names.some((name) => /shootdown|udelay/.test(name))) next = { ...next, alone: 300 };
      }
      const elsewhere = otherPlaces(relation, next).map((place) => ({ ...next, ...place }));
      const renamed = near.filter((name) => !isOutermost(name)).map((name) => ({ ...next, holdIn: [name] }));
      const absent = obstacle.missing.some(({ names }) =>
        names.some((name) => choices.holdIn.includes(name)),
      );
      // A caller that the stack shows is better than a name that only looks alike.
      return absent ? [...elsewhere, ...renamed] : [next, ...elsewhere];
    }
    case 'not-called': {
      const locks = obstacle.calls.filter(isSpinLock);
      const site = locks.length === 0 ? [] : [{ ...choices, at: { after: locks.slice(0, 8) } }];
      return [...site, ...otherPlaces(relation, choices).map((place) => ({ ...choices, ...place }))];
    }
    case 'not-reached':
      if (obstacle.role === 'holder') {
        const stimuli = stimuliFor([...choices.holdIn, ...relation.holder.chain]);
        return [
          ...stimuli.map((stimulus) => ({ ...choices, stimulus })),
          ...otherPlaces(relation, choices).map((place) => ({ ...choices, ...place })),
          ...onOther(choices),
        ];
      }
      // The crasher waits for what the holder has before it stops the others: it must print first.
      return [...reordered(choices), { ...choices, context: 'interrupt' }, { ...choices, alone: 300 }];
    case 'not-proved':
      if (obstacle.about === 'crasher')
        return [
          { ...choices, context: 'interrupt' },
          { ...choices, alone: 300 },
        ];
      return otherPlaces(relation, choices).map((place) => ({ ...choices, ...place }));
    case 'other':
      return [];
  }
}

/** One choice changed at a time. */
function neighbours(relation: Relation, choices: Choices): Choices[] {
  const places = otherPlaces(relation, choices).map((place) => ({ ...choices, ...place }));
  if (relation.kind === 'own-cpu') return [...places, ...onOther(choices)];
  const contexts = (['task', 'interrupt', 'nmi'] as const).filter((context) => context !== choices.context);
  return [
    ...contexts.map((context) => ({ ...choices, context })),
    ...onOther(choices),
    ...places,
    ...reordered(choices),
    ...stimuliFor([...choices.holdIn, ...relation.holder.chain])
      .slice(0, 3)
      .map((stimulus) => ({ ...choices, stimulus })),
  ];
}

/** The other orders of the holder's lock and the crasher's panic. */
function reordered(choices: Choices): Choices[] {
  const orders: Choices[] = [
    ...(choices.approach === undefined
      ? []
      : [{ ...choices, order: 'panic between' as const, holderOn: undefined }]),
    { ...choices, order: 'panic first', holderOn: choices.holderOn ?? 1 },
    { ...choices, order: 'hold first', holderOn: undefined },
  ];
  return orders.filter(({ order }) => order !== choices.order);
}

function onOther(choices: Choices): Choices[] {
  return [1, 0].filter((cpu) => cpu !== choices.holderOn).map((holderOn) => ({ ...choices, holderOn }));
}

/**
 * Other places at which the lock may be held: where the text shows the interrupted instruction, the other functions of the
 * stack, and other takers of the same lock. Each with the stimulus that reaches it.
 */
function otherPlaces(
  relation: Relation,
  { at: site }: Choices,
): Pick<Choices, 'holdIn' | 'at' | 'stimulus'>[] {
  const { holder, lock } = relation;
  const first = firstChoices(relation);
  const after = 'after' in site ? site : first.at;
  const others = holder.candidates.slice(1).filter((name) => !first.holdIn.includes(name));
  const table = KNOWN_LOCKS.find((known) => known.lock === lock)?.takenIn ?? [];
  const takers = table.filter(
    (name) => lockTakenIn(name, holder.chain) !== undefined && !first.holdIn.includes(name),
  );
  const exact =
    holder.at === undefined
      ? []
      : [{ holdIn: [holder.at.function], at: { offset: holder.at.offset }, stimulus: first.stimulus }];
  const elsewhere = [...others, ...takers.slice(0, 6)].map((name) => {
    const [stimulus = first.stimulus] = stimuliFor([name, ...holder.chain]);
    const known = lockTakenIn(name, holder.chain);
    const holdIn = known?.lock === lock ? holdNames([name], lock) : namesOf(name);
    return { holdIn, at: after, stimulus };
  });
  return [...exact, ...elsewhere, { holdIn: first.holdIn, at: first.at, stimulus: first.stimulus }];
}

/** A choice that a try has shown to be impossible, whatever else is chosen. */
function isHopeless(choices: Choices, tried: readonly Tried[]): boolean {
  return tried.some(({ choices: before, outcome }) => {
    if (outcome.kind !== 'void') return false;
    const { obstacle } = outcome;
    const place = JSON.stringify([before.holdIn, before.at]) === JSON.stringify([choices.holdIn, choices.at]);
    switch (obstacle.kind) {
      case 'no-symbol':
        return obstacle.missing.some(
          ({ names }) =>
            choices.holdIn.every((name) => names.includes(name)) ||
            (choices.lock !== undefined && names.includes(choices.lock)) ||
            (choices.alone === 'shootdown' && names.some((name) => /shootdown|udelay/.test(name))),
        );
      case 'not-called':
        return place;
      case 'not-reached':
        if (obstacle.role === 'holder')
          return (
            place &&
            choices.stimulus === before.stimulus &&
            choices.order === before.order &&
            choices.holderOn === before.holderOn
          );
        return (
          choices.order === before.order &&
          choices.context === before.context &&
          choices.alone === before.alone &&
          place
        );
      case 'not-proved':
        return obstacle.about === 'crasher'
          ? choices.context === before.context && choices.alone === before.alone
          : place && choices.lock === before.lock;
      case 'other':
        return false;
    }
  });
}
