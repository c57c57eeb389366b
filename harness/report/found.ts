import { STORE_SCHEMA } from '../model/record.js';
import type { VerdictWord } from '../model/verdict.js';
import { rateUntil } from '../stats/until-found.js';
import { boundOfNone } from '../stats/binomial.js';
import { percent } from '../stats/conclusion.js';
import { countOf, safeName } from './words.js';

/** What was found in the trials of one scenario on one kernel and machine; campaign/until-found.ts counts it. */
export interface Found {
  readonly scenario: string;
  /** The kernel's name in a campaign file, or its spec. */
  readonly kernel: string;
  readonly machine: string | undefined;
  /** Occurrences and judged trials, in the order of the plans, up to the last occurrence that was waited for. */
  readonly found: number;
  readonly trials: number;
  /** The occurrences that end the trials. */
  readonly until: number;
  /** Trials that were under way when the last one was found, and those that were not judged. */
  readonly beyond: number;
  readonly undecided: number;
  /** Names of the runs that found it, in that order. */
  readonly runs: readonly string[];
}

/** What was searched for. */
export interface Searched {
  readonly verdicts: readonly VerdictWord[];
}

/** One line for each cell: how many of how many trials, the rate, and what it rests on. Pure. */
export function foundText(cells: readonly Found[], searched: Searched): string[] {
  return cells.map((cell) => `${cellName(cell)}: ${rateText(cell, searched)}`);
}

/** `2 hangs in 57 trials, 3.5 % (95 % interval 0.43 % to 9.5 %)`, with what ended the trials. Pure. */
export function rateText(cell: Found, searched: Searched): string {
  const { found, trials, until, undecided, beyond } = cell;
  const rest = [
    ...(undecided === 0 ? [] : [`${countOf(undecided, 'run')} not judged`]),
    ...(beyond === 0 ? [] : [`${countOf(beyond, 'run')} under way at the last one not counted`]),
  ];
  const tail = rest.length === 0 ? '' : `; ${rest.join(', ')}`;
  if (trials === 0) return `no trial was judged${tail}`;
  const count = `${nounOf(searched, found)} in ${countOf(trials, 'trial')}`;
  if (found === 0) return `${count}: the rate is below ${percent(boundOfNone(trials))} (95 %)${tail}`;
  const [lower, upper] = rateUntil(cell) ?? [0, 1];
  const ended = found >= until ? ', ended by the last of them' : '';
  return `${count}${ended}: ${percent(found / trials)}, 95 % interval ${percent(lower)} to ${percent(upper)}${tail}`;
}

/** `no hang`, `1 hang`, `3 hangs`; of one verdict its word. */
function nounOf({ verdicts }: Searched, count: number): string {
  const [only] = verdicts;
  const noun = verdicts.length === 1 && only !== undefined ? only : 'hang';
  const isHang = verdicts.every((word) => word.endsWith('-hang'));
  const name = verdicts.length === 1 || isHang ? noun : verdicts.join(' or ');
  return count === 0 ? `no ${name}` : countOf(count, name);
}

/** The same as one object, for scripts. Rates and bounds are within 0 and 1. Pure. */
export function foundObject(cells: readonly Found[], searched: Searched) {
  return {
    schema: STORE_SCHEMA,
    kind: 'found' as const,
    verdicts: searched.verdicts,
    cells: cells.map((cell) => ({ ...cell, machine: cell.machine ?? null, interval: intervalOf(cell) })),
  };
}

/** Without an occurrence the upper bound is one-sided. */
function intervalOf(cell: Found): readonly [number, number] | null {
  if (cell.trials === 0) return null;
  return cell.found === 0 ? [0, boundOfNone(cell.trials)] : (rateUntil(cell) ?? null);
}

function cellName({ scenario, kernel, machine }: Found): string {
  const on = machine === undefined ? '' : `, ${safeName(machine)}`;
  return `${safeName(scenario)} on ${safeName(kernel)}${on}`;
}
