import { EXIT } from '../model/fault.js';
import type { JudgedCell } from './judge-night.js';

/** What an exit code is formed by. */
export interface NightEnd {
  readonly blind: boolean;
  readonly cells: readonly JudgedCell[];
  /** Something could not be tried; what is merely put off to the next night does not count. */
  readonly faults: number;
}

/**
 * The exit code of a night. A blind one is 3, whatever it saw. Then 1: a regression, or in a first night a verdict that
 * the scenario does not expect. Then 3: something could not be tried. Then 2: a suspicion that was not decided, or a cell
 * that could not be compared; in a first night, what is as expected is 0. Pure.
 */
export function nightExitCode({ blind, cells, faults }: NightEnd): number {
  if (blind) return EXIT.harness;
  const unexpected = cells.some(
    ({ cell, first, asExpected }) => cell.word === 'regressed' || (first && !asExpected),
  );
  if (unexpected) return EXIT.unexpected;
  if (faults > 0) return EXIT.harness;
  const open = cells.some(
    ({ cell, first }) =>
      cell.word === 'suspect' || (cell.word === 'cannot-tell' && !(first && cell.tally.rate !== null)),
  );
  return open ? EXIT.inconclusive : EXIT.expected;
}
