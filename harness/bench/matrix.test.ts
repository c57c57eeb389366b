import t from 'tap';
import type { JudgedRow } from './judge.js';
import { benchText, matrixOf } from './matrix.js';

const RIGHT: JudgedRow = {
  ...{ name: 'good', kinds: ['J'], slow: false, expected: 'captured clean', got: 'captured clean' },
  ...{ detail: 'nonce-verified', latencyMs: null, ok: true, wrong: '', degradedBy: [], undecided: [] },
  ...{ durationMs: 1000, directory: '/runs/good' },
};
const SLOW: JudgedRow = {
  ...{ ...RIGHT, name: 'slow', kinds: ['A', 'C'], slow: true, got: 'crash-path-hang', detail: 'spin' },
  ...{ latencyMs: 7000, ok: false, wrong: 'crash-path-hang/spin is not the truth', directory: '/runs/slow' },
};
const HUNG: JudgedRow = {
  ...{ ...RIGHT, name: 'hung', expected: 'crash-path-hang', got: 'crash-path-hang', latencyMs: 3000 },
};

void t.test('how often which verdict came of which truth', async (t) => {
  const matrix = matrixOf([RIGHT, SLOW, RIGHT, HUNG]);
  t.strictSame(
    [...matrix].map(([expected, line]) => [expected, ...line]),
    [
      ['captured clean', ['captured clean', 2], ['crash-path-hang', 1]],
      ['crash-path-hang', ['crash-path-hang', 1]],
    ],
  );
});

void t.test('matrix, wrong rows, totals and latencies', async (t) => {
  t.equal(
    benchText([RIGHT, SLOW, HUNG]),
    [
      'expected                              captured clean  crash-path-hang',
      'captured clean                                     1                1',
      'crash-path-hang                                    -                1',
      '',
      'WRONG slow [AC]: expected captured clean; crash-path-hang/spin is not the truth',
      '  /runs/slow',
      "  npm run bench:verdicts -- --only '^slow$'",
      '2 of 3 rows right; 0 of 1 that are slow and alive',
      'proofs of a hang: 2; after the last progress: median 5.0 s, worst 7.0 s',
    ].join('\n'),
  );
  t.match(benchText([RIGHT]), '1 of 1 rows right; 0 of 0 that are slow and alive\nno hang was proved');
});
