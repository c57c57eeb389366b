import type { RunResult } from '../model/result.js';
import { type BootReason, templateOf } from '../model/start.js';
import { VERDICTS } from '../model/verdict.js';
import { holm, SIGNIFICANCE } from '../stats/corrections.js';
import { fisherExact, type Seen } from '../stats/fisher.js';
import { sweptFor } from '../sweep/swept-run.js';
import { groupTrials, type TrialGroup } from './summary.js';
import { countOf, safeName } from './words.js';

/** Why runs boot that should have been clones, beside `clone-failed`. */
const WITHOUT: readonly BootReason[] = ['no-room', 'no-template', 'other-host'];

/**
 * How many runs began as clones, of how many templates, and the cells whose clones end otherwise than the runs that booted,
 * or those of one template otherwise than all other runs: clones share what their template's boot left to chance (the
 * kernel's addresses, the order of its threads). One line each. Pure.
 */
export function cloneNotes(results: readonly RunResult[]): string[] {
  const cloned = results.flatMap((result) => templateOf(result) ?? []);
  const failed = results.filter(
    ({ clone }) => clone !== undefined && 'booted' in clone && clone.booted === 'clone-failed',
  );
  const templates = new Set(cloned.map(({ template }) => template));
  const traits = groupTrials(results).flatMap(traitsOf);
  const pValues = holm(traits.map(({ some, others }) => fisherExact(some, others)));
  // A sweep has neither.
  const isSwept = results.every(({ scenario }) => sweptFor(scenario) !== undefined);
  const differing = traits.filter((_, index) => (pValues[index] ?? 1) <= SIGNIFICANCE);
  return [
    ...(cloned.length === 0
      ? []
      : [
          `${cloned.length} of ${countOf(results.length, 'run')} began as clones of ${countOf(templates.size, 'booted guest')}${isSwept ? '' : '; rates and p values count them as independent runs'}`,
        ]),
    ...(failed.length === 0
      ? []
      : [
          `${countOf(failed.length, 'run')} could not begin as a clone and booted; templates/failed-* show why`,
        ]),
    ...WITHOUT.flatMap((reason) => {
      const { length } = results.filter(
        ({ clone }) => clone !== undefined && 'booted' in clone && clone.booted === reason,
      );
      return length === 0
        ? []
        : [`${countOf(length, 'run')} booted (${reason}); their verdict.json says why`];
    }),
    ...differing.map(
      ({ group, trait, some, others, template }) =>
        `${group.scenario} on ${group.kernel}${group.machine === undefined ? '' : ` on ${group.machine}`}: ${
          template === undefined
            ? 'clones and boots differ'
            : `${safeName(template)} and the other runs differ`
        }: ${trait} in ${seenText(some)} clones, ${seenText(others)} ${template === undefined ? 'boots' : 'others'}; run it with --no-clone`,
    ),
  ];
}

/** Something that a run shows or does not, counted among some runs of a cell and the others. */
interface Trait {
  readonly group: TrialGroup;
  readonly trait: string;
  /** All clones, or those of one template. */
  readonly some: Seen;
  readonly others: Seen;
  readonly template: string | undefined;
}

/** Every end of the runs that tell about the kernel, and every reason why their captures are degraded. */
function traitsOf(group: TrialGroup): Trait[] {
  const judged = group.results.filter(({ verdict }) => VERDICTS[verdict].otherwise === 'unexpected');
  const templates = [...new Set(judged.flatMap((result) => templateOf(result)?.template ?? []))];
  const counts = new Map<string, number>();
  for (const { verdict } of judged) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const ends = [...counts.keys()].toSorted((one, other) => (counts.get(other) ?? 0) - (counts.get(one) ?? 0));
  const reasons = [...new Set(judged.flatMap(({ degradedBy }) => degradedBy))];
  const shown: readonly (readonly [trait: string, shows: (result: RunResult) => boolean])[] = [
    // Of two ends, the rarer one says all.
    ...(ends.length <= 2 ? ends.slice(1) : ends).map(
      (end) => [end, ({ verdict }: RunResult) => verdict === end] as const,
    ),
    ...reasons.map(
      (reason) => [safeName(reason), ({ degradedBy }: RunResult) => degradedBy.includes(reason)] as const,
    ),
  ];
  // Of one template there is nothing else to compare than its clones with the boots.
  return [undefined, ...(templates.length > 1 ? templates : [])].flatMap((template) => {
    const isOne = (result: RunResult) => {
      const own = templateOf(result)?.template;
      return template === undefined ? own !== undefined : own === template;
    };
    const one = judged.filter(isOne);
    const rest = judged.filter((result) => !isOne(result));
    if (one.length === 0 || rest.length === 0) return [];
    return shown.map(
      ([trait, shows]): Trait => ({
        ...{ group, trait, template },
        some: { judged: one.length, failures: one.filter(shows).length },
        others: { judged: rest.length, failures: rest.filter(shows).length },
      }),
    );
  });
}

function seenText({ failures, judged }: Seen): string {
  return `${failures} of ${judged}`;
}
