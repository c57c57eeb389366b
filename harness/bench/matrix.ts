import { textTable } from '../report/text-table.js';
import type { JudgedRow } from './judge.js';
import { latencySummary } from './latency.js';

/** How often which verdict came of rows that expect which, expected words first. */
export type Matrix = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Columns of the expected verdicts; longer ones are folded. */
const EXPECTED_WIDTH = 36;

/** The confusion matrix: what the rows expect, against what they got. Pure. */
export function matrixOf(rows: readonly JudgedRow[]): Matrix {
  const matrix = new Map<string, Map<string, number>>();
  for (const { expected, got } of rows) {
    const line = matrix.get(expected) ?? new Map<string, number>();
    line.set(got, (line.get(got) ?? 0) + 1);
    matrix.set(expected, line);
  }
  return matrix;
}

/** The matrix as text, then each wrong row with what it got and how it is run again. Pure. */
export function benchText(rows: readonly JudgedRow[]): string {
  const matrix = matrixOf(rows);
  const words = [...new Set(rows.map(({ got }) => got))].sort();
  const columns = [
    { title: 'expected', align: 'left' as const, width: EXPECTED_WIDTH },
    ...words.map((title) => ({ title, align: 'right' as const, width: title.length })),
  ];
  const lines = [...matrix].map(([expected, line]) => [
    [{ text: expected }],
    ...words.map((word) => [{ text: String(line.get(word) ?? '-') }]),
  ]);
  const wrong = rows.filter(({ ok }) => !ok);
  const latency = latencySummary(rows.flatMap(({ latencyMs }) => (latencyMs === null ? [] : [latencyMs])));
  return [
    ...textTable(columns, lines, (title) => title),
    '',
    ...wrong.flatMap((row) => [
      `WRONG ${row.name} [${row.kinds.join('')}]: expected ${row.expected}; ${row.wrong}`,
      `  ${row.directory === '' ? 'no run' : row.directory}`,
      `  npm run bench:verdicts -- --only '^${row.name}$'`,
    ]),
    `${rows.length - wrong.length} of ${rows.length} rows right; ${slowText(rows)}`,
    latency === undefined
      ? 'no hang was proved'
      : `proofs of a hang: ${latency.count}; after the last progress: median ${seconds(latency.medianMs)}, worst ${seconds(latency.worstMs)}`,
  ].join('\n');
}

function slowText(rows: readonly JudgedRow[]): string {
  const slow = rows.filter((row) => row.slow);
  return `${slow.filter(({ ok }) => ok).length} of ${slow.length} that are slow and alive`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
