import { EXIT } from '../../model/fault.js';
import type { RunResult } from '../../model/result.js';
import type { Comparison } from '../../stats/comparison.js';
import type { FailOn } from '../words/compare.js';

/**
 * The exit code of a set of runs. An unexpected verdict of a kernel takes precedence; next comes a harness error,
 * because something could not be tried at all; next void. A void that a campaign file explains counts only when there
 * is nothing else: it is expected, but it shows nothing. Pure.
 */
export function exitCodeFor(results: readonly Pick<RunResult, 'outcome' | 'voidOk'>[]): number {
  const unexplained = results.filter(({ voidOk }) => voidOk === undefined);
  const seen = new Set((unexplained.length === 0 ? results : unexplained).map(({ outcome }) => outcome));
  if (seen.has('unexpected')) return EXIT.unexpected;
  if (seen.has('harness-error')) return EXIT.harness;
  return seen.has('inconclusive') ? EXIT.inconclusive : EXIT.expected;
}

/**
 * The exit code of a comparison: 1 when `failOn` is met; else, when nothing can be concluded because a kernel has no
 * judged trial in some scenario, 3 if all its trials were harness errors and 2 if some were void; else 0. Only the
 * candidate counts, not the kernels of `--also`. Pure.
 */
export function compareExitCode(comparison: Comparison, failOn: FailOn | undefined): number {
  const { relation } = comparison.overall;
  if (failOn !== undefined && isMet(comparison, failOn)) return EXIT.unexpected;
  if (relation !== 'unknown' && !hasUnknown(comparison)) return EXIT.expected;
  const kernels = comparison.scenarios.flatMap((scenario) => scenario.kernels.slice(0, 2));
  const broken = kernels.some(({ trials, harnessErrors }) => trials === harnessErrors);
  return broken ? EXIT.harness : EXIT.inconclusive;
}

function isMet({ scenarios, overall }: Comparison, failOn: FailOn): boolean {
  switch (failOn) {
    case 'regression':
      return overall.relation === 'regresses';
    case 'difference':
      return scenarios.some(({ contrasts: [{ relation }] }) =>
        ['fixes', 'improves', 'regresses'].includes(relation),
      );
    case 'not-fixed':
      return overall.relation !== 'fixes' && overall.relation !== 'unknown';
  }
}

function hasUnknown({ scenarios }: Comparison): boolean {
  return scenarios.some(({ contrasts: [{ relation }] }) => relation === 'unknown');
}
