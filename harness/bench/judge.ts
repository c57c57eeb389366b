import type { RunResult } from '../model/result.js';
import type { Expectation, ZooRow } from './zoo.js';

/** Details of a verdict that rests on a limit or on what was not seen, not on a proof. */
const UNPROVED = new Set(['deadline', 'silent', 'console-flood', 'kexec-never-jumped', 'still-working']);

/** What a row of the zoo turned out to be. */
export interface JudgedRow {
  readonly name: string;
  readonly kinds: readonly string[];
  readonly slow: boolean;
  /** All right verdicts, e.g. `capture-hang/deadline or cannot-tell`. */
  readonly expected: string;
  /** The verdict's word, with the quality of a capture. */
  readonly got: string;
  readonly detail: string;
  /** From the last progress to the proof of a hang; null for a verdict that is no proved hang. Milliseconds. */
  readonly latencyMs: number | null;
  readonly ok: boolean;
  /** What is wrong; empty when nothing is. */
  readonly wrong: string;
  readonly degradedBy: readonly string[];
  readonly undecided: readonly string[];
  readonly durationMs: number;
  readonly directory: string;
}

/** Compares a row's result with its truth. Pure. */
export function judgeRow(row: ZooRow, result: RunResult, latencyMs: number | null): JudgedRow {
  const wrong = mistakesOf(row, result).join('; ');
  return {
    name: row.name,
    kinds: row.kinds,
    slow: row.slow,
    expected: row.expect.map(expectationText).join(' or '),
    got: wordOf(result),
    detail: result.detail,
    latencyMs,
    ok: wrong === '',
    wrong,
    degradedBy: result.degradedBy,
    undecided: result.undecided ?? [],
    durationMs: Math.round(result.durationMs),
    directory: result.directory,
  };
}

/** A row that did not get as far as a run. Pure. */
export function unrunRow(row: ZooRow, why: string): JudgedRow {
  return {
    name: row.name,
    kinds: row.kinds,
    slow: row.slow,
    expected: row.expect.map(expectationText).join(' or '),
    ...{ got: 'not-run', detail: '', latencyMs: null, ok: false, wrong: why },
    ...{ degradedBy: [], undecided: [], durationMs: 0, directory: '' },
  };
}

/** An expectation as the zoo writes it. Pure. */
export function expectationText({ word, detail, quality }: Expectation): string {
  return quality === undefined ? (detail === undefined ? word : `${word}/${detail}`) : `${word} ${quality}`;
}

function wordOf({ verdict, quality }: RunResult): string {
  return quality === undefined ? verdict : `${verdict} ${quality}`;
}

function mistakesOf(row: ZooRow, result: RunResult): string[] {
  if (!row.expect.some((expectation) => meets(result, expectation))) {
    const reasons = result.degradedBy.length === 0 ? '' : ` (${result.degradedBy.join(', ')})`;
    return [`${wordOf(result)}/${result.detail}${reasons} is not the truth`];
  }
  const mistakes: string[] = [];
  if (row.proved && UNPROVED.has(result.detail))
    mistakes.push(`${result.detail} is no proof, and there is one`);
  if (row.names !== undefined && !new RegExp(row.names).test(saidBy(result)))
    mistakes.push(`nothing in the verdict matches /${row.names}/`);
  return mistakes;
}

function meets(result: RunResult, { word, detail, quality }: Expectation): boolean {
  return (
    result.verdict === word &&
    (detail === undefined || result.detail === detail) &&
    (quality === undefined || result.quality === quality)
  );
}

function saidBy({ explanation, evidence, degradedBy, undecided = [] }: RunResult): string {
  const cited = evidence.map(({ what, excerpt }) => `${what}: ${excerpt}`);
  return [explanation, ...cited, ...degradedBy, ...undecided].join('\n');
}
