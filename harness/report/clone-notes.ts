import type { RunResult } from '../model/result.js';
import { templateOf } from '../model/start.js';
import { VERDICTS } from '../model/verdict.js';
import { holm, SIGNIFICANCE } from '../stats/corrections.js';
import { fisherExact, type Seen } from '../stats/fisher.js';
import { groupTrials, type TrialGroup } from './summary.js';
import { countOf, safeName } from './words.js';

/**
 * How many runs began as clones, of how many templates, and the cells whose clones end otherwise than the runs that booted:
 * clones share what their template's boot left to chance (the kernel's addresses, the order of its threads). One line each.
 * Pure.
 */
export function cloneNotes(results: readonly RunResult[]): string[] {
  const cloned = results.flatMap((result) => templateOf(result) ?? []);
  const failed = results.filter(
    ({ clone }) => clone !== undefined && 'booted' in clone && clone.booted === 'clone-failed',
  );
  const templates = new Set(cloned.map(({ template }) => template));
  const traits = groupTrials(results).flatMap(traitsOf);
  const pValues = holm(traits.map(({ clones, boots }) => fisherExact(clones, boots)));
  const differing = traits.filter((_, index) => (pValues[index] ?? 1) <= SIGNIFICANCE);
  return [
    ...(cloned.length === 0
      ? []
      : [
          `${cloned.length} of ${countOf(results.length, 'run')} began as clones of ${countOf(templates.size, 'booted guest')}`,
        ]),
    ...(failed.length === 0
      ? []
      : [
          `${countOf(failed.length, 'run')} could not begin as a clone and booted; templates/failed-* show why`,
        ]),
    ...differing.map(
      ({ group, trait, clones, boots }) =>
        `${group.scenario} on ${group.kernel}${group.machine === undefined ? '' : ` on ${group.machine}`}: clones and boots differ: ${trait} in ${seenText(clones)} clones, ${seenText(boots)} boots; run it with --no-clone`,
    ),
  ];
}

/** Something that a run shows or does not, counted among the clones and the boots of a cell. */
interface Trait {
  readonly group: TrialGroup;
  readonly trait: string;
  readonly clones: Seen;
  readonly boots: Seen;
}

/** Every end of the runs that tell about the kernel, and every reason why their captures are degraded. */
function traitsOf(group: TrialGroup): Trait[] {
  const judged = group.results.filter(({ verdict }) => VERDICTS[verdict].otherwise === 'unexpected');
  const clones = judged.filter((result) => templateOf(result) !== undefined);
  const boots = judged.filter((result) => templateOf(result) === undefined);
  if (clones.length === 0 || boots.length === 0) return [];
  const counted = (trait: string, shows: (result: RunResult) => boolean): Trait => {
    const seen = (of: readonly RunResult[]): Seen => ({
      judged: of.length,
      failures: of.filter(shows).length,
    });
    return { group, trait, clones: seen(clones), boots: seen(boots) };
  };
  const counts = new Map<string, number>();
  for (const { verdict } of judged) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const ends = [...counts.keys()].toSorted((one, other) => (counts.get(other) ?? 0) - (counts.get(one) ?? 0));
  const reasons = [...new Set(judged.flatMap(({ degradedBy }) => degradedBy))];
  return [
    // Of two ends, the rarer one says all.
    ...(ends.length <= 2 ? ends.slice(1) : ends).map((end) => counted(end, ({ verdict }) => verdict === end)),
    ...reasons.map((reason) => counted(safeName(reason), ({ degradedBy }) => degradedBy.includes(reason))),
  ];
}

function seenText({ failures, judged }: Seen): string {
  return `${failures} of ${judged}`;
}
