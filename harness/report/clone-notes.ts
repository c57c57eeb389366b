import type { RunResult } from '../model/result.js';
import { VERDICTS } from '../model/verdict.js';
import { holm, SIGNIFICANCE } from '../stats/corrections.js';
import { fisherExact, type Seen } from '../stats/fisher.js';
import { groupTrials, type TrialGroup } from './summary.js';
import { verdictName } from './words.js';

/**
 * How many runs began as clones, and the cells whose clones end otherwise than the runs that booted: clones share what
 * their template's boot left to chance (the kernel's addresses, the order of its threads). One line each. Pure.
 */
export function cloneNotes(results: readonly RunResult[]): string[] {
  const cloned = results.filter(({ clone }) => clone !== undefined).length;
  if (cloned === 0) return [];
  const cells = groupTrials(results).map(cellOf);
  const pValues = holm(cells.map(({ clones, boots }) => fisherExact(clones, boots)));
  const differing = cells.filter((_, index) => (pValues[index] ?? 1) <= SIGNIFICANCE);
  return [
    `${cloned} of ${results.length} runs began as clones of a booted guest`,
    ...differing.map(
      ({ group, usual, clones, boots }) =>
        `${group.scenario} on ${group.kernel}: clones and boots differ: other ends than ${usual} in ${seenText(clones)} clones, ${seenText(boots)} boots; leave out --clone`,
    ),
  ];
}

interface Cell {
  readonly group: TrialGroup;
  /** The most frequent verdict. */
  readonly usual: string;
  /** Those with another verdict, of those that tell about the kernel. */
  readonly clones: Seen;
  readonly boots: Seen;
}

function cellOf(group: TrialGroup): Cell {
  const judged = group.results.filter(({ verdict }) => VERDICTS[verdict].otherwise === 'unexpected');
  const counts = new Map<string, number>();
  for (const result of judged) counts.set(verdictName(result), (counts.get(verdictName(result)) ?? 0) + 1);
  const [usual = ''] = [...counts].toSorted(([, one], [, other]) => other - one)[0] ?? [];
  const seen = (results: readonly RunResult[]): Seen => ({
    judged: results.length,
    failures: results.filter((result) => verdictName(result) !== usual).length,
  });
  return {
    ...{ group, usual },
    clones: seen(judged.filter(({ clone }) => clone !== undefined)),
    boots: seen(judged.filter(({ clone }) => clone === undefined)),
  };
}

function seenText({ failures, judged }: Seen): string {
  return `${failures} of ${judged}`;
}
