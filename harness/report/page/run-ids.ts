import type { RunResult } from '../../model/result.js';

/** Where the runs of a page are found in it. */
export interface RunIds {
  /** Runs in the order of the list: worst outcome first, then as given; no more than {@link MOST_LISTED}. */
  readonly ordered: readonly RunResult[];
  /** How many are not listed; they are counted all the same. */
  readonly hidden: number;
  /** The fragment of a run, without `#`. */
  idOf(result: RunResult): string;
  /** The fragment of the first of these runs in the list. */
  firstOf(results: readonly RunResult[]): string | undefined;
}

const WORST_FIRST: readonly RunResult['outcome'][] = [
  'unexpected',
  'harness-error',
  'inconclusive',
  'expected',
];

/** Rows of a page: each has some 800 bytes, and a browser some ten nodes. */
const MOST_LISTED = 5_000;

/** Gives every listed run of a page its fragment: `run=` and its name, with a number where two have the same. */
export function runIds(results: readonly RunResult[]): RunIds {
  const sorted = [...results].sort((a, b) => WORST_FIRST.indexOf(a.outcome) - WORST_FIRST.indexOf(b.outcome));
  const ordered = sorted.slice(0, MOST_LISTED);
  const ids = new Map<RunResult, string>();
  const taken = new Map<string, number>();
  for (const result of ordered) {
    const name = `run=${result.runId.slice(0, 200).replace(/[^\w.@+-]/g, '_')}`;
    const before = taken.get(name) ?? 0;
    taken.set(name, before + 1);
    ids.set(result, before === 0 ? name : `${name}~${before + 1}`);
  }
  const idOf = (result: RunResult) => ids.get(result) ?? '';
  return {
    ordered,
    hidden: sorted.length - ordered.length,
    idOf,
    firstOf: (some) => {
      const wanted = new Set(some);
      const first = ordered.find((result) => wanted.has(result));
      return first === undefined ? undefined : idOf(first);
    },
  };
}
