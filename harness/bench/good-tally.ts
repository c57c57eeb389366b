import type { RunResult } from '../model/result.js';

/** Totals of runs that should all be clean captures. */
export interface GoodTally {
  readonly runs: number;
  readonly clean: number;
  /** Clean captures of which some aspect is undecided; part of `clean`. */
  readonly withUndecided: number;
  /** Runs by verdict, with the quality of a capture. */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly undecided: Readonly<Record<string, number>>;
  readonly degradedBy: Readonly<Record<string, number>>;
  /** Whatever is not a clean capture. */
  readonly others: readonly {
    readonly directory: string;
    readonly verdict: string;
    readonly detail: string;
    readonly degradedBy: readonly string[];
  }[];
}

/** Counts what became of good runs. Pure. */
export function tallyGood(results: readonly RunResult[]): GoodTally {
  const clean = results.filter(isClean);
  return {
    runs: results.length,
    clean: clean.length,
    withUndecided: clean.filter(({ undecided = [] }) => undecided.length > 0).length,
    verdicts: counted(results.map(({ verdict, quality }) => [verdict, quality].filter(Boolean).join(' '))),
    undecided: counted(results.flatMap(({ undecided = [] }) => undecided)),
    degradedBy: counted(results.flatMap(({ degradedBy }) => degradedBy)),
    others: results
      .filter((result) => !isClean(result))
      .map(({ directory, verdict, detail, degradedBy }) => ({ directory, verdict, detail, degradedBy })),
  };
}

/** The totals for people. Pure. */
export function goodText(tally: GoodTally): string {
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([word, count]) => `${word} ${count}`)
      .join(', ') || 'none';
  return [
    `${tally.clean} of ${tally.runs} runs are clean captures; ${tally.withUndecided} of them leave something undecided`,
    `verdicts: ${list(tally.verdicts)}`,
    `degraded by: ${list(tally.degradedBy)}`,
    `undecided: ${list(tally.undecided)}`,
    ...tally.others.map(
      ({ directory, verdict, detail, degradedBy }) =>
        `NOT CLEAN ${[`${verdict}/${detail}`, ...degradedBy].join(' ')}: ${directory}`,
    ),
  ].join('\n');
}

function isClean({ verdict, quality }: RunResult): boolean {
  return verdict === 'captured' && quality === 'clean';
}

function counted(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
