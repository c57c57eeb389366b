import { EXIT } from '../../model/fault.js';
import type { RunResult } from '../../model/result.js';

/**
 * The exit code of a set of runs. A kernel verdict that was not expected stands whatever else happened; then a
 * harness error, because something could not be tried at all; then void. A void that a campaign file explains counts
 * only when there is nothing else: it is no surprise, but nothing was shown either.
 */
export function exitCodeFor(results: readonly Pick<RunResult, 'outcome' | 'voidOk'>[]): number {
  const surprising = results.filter(({ voidOk }) => voidOk === undefined);
  const seen = new Set((surprising.length === 0 ? results : surprising).map(({ outcome }) => outcome));
  if (seen.has('unexpected')) return EXIT.unexpected;
  if (seen.has('harness-error')) return EXIT.harness;
  return seen.has('inconclusive') ? EXIT.inconclusive : EXIT.expected;
}
