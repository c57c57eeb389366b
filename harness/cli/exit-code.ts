import { EXIT } from '../model/fault.js';
import type { Outcome } from '../model/verdict.js';

/**
 * The exit code of a set of runs. A kernel verdict that was not expected stands whatever else happened; then a
 * harness error, because something could not be tried at all; then void.
 */
export function exitCodeFor(results: readonly { readonly outcome: Outcome }[]): number {
  const seen = new Set(results.map(({ outcome }) => outcome));
  if (seen.has('unexpected')) return EXIT.unexpected;
  if (seen.has('harness-error')) return EXIT.harness;
  return seen.has('inconclusive') ? EXIT.inconclusive : EXIT.expected;
}
