import t from 'tap';
import type { RunResult } from '../model/result.js';
import { reportFixtures } from '../testing/recordings/reported-run.js';
import { judgeRow, unrunRow } from './judge.js';
import { parseZoo, type ZooRow } from './zoo.js';

const { captured: CLEAN, hung: HUNG } = reportFixtures();

function row(lines: readonly string[]): ZooRow {
  const text = [
    'version: 1',
    'rows:',
    '  - name: made',
    '    kinds: [A]',
    ...lines.map((line) => `    ${line}`),
  ];
  const [made] = parseZoo([...text, '    truth: made', '    imitates: nothing'].join('\n'), 'made.yaml');
  if (made === undefined) throw new Error('no row');
  return made;
}

function wrongIn(lines: readonly string[], result: RunResult): string {
  return judgeRow(row(lines), result, null).wrong;
}

void t.test('a verdict is right when its word, detail and quality are', async (t) => {
  t.equal(wrongIn(['expect: [captured clean]'], CLEAN), '');
  t.equal(wrongIn(['expect: [captured]'], { ...CLEAN, quality: 'degraded' }), '');
  t.equal(
    wrongIn(['expect: [captured clean]'], { ...CLEAN, quality: 'degraded', degradedBy: ['nobody-cared'] }),
    'captured degraded/nonce-verified (nobody-cared) is not the truth',
  );
  t.equal(wrongIn(['expect: [capture-hang, crash-path-hang/all-vcpus-halted]'], HUNG), '');
  t.match(wrongIn(['expect: [crash-path-hang/deadline]'], HUNG), 'all-vcpus-halted is not the truth');
});

void t.test('a deadline is no proof where there is one', async (t) => {
  const lines = ['expect: [crash-path-hang]', 'proved: true'];
  t.equal(wrongIn(lines, HUNG), '');
  t.equal(wrongIn(lines, { ...HUNG, detail: 'deadline' }), 'deadline is no proof, and there is one');
});

void t.test('the place or the cause is named in the explanation or the evidence', async (t) => {
  t.equal(wrongIn(['expect: [crash-path-hang]', 'names: rip=1000'], HUNG), '');
  t.equal(wrongIn(['expect: [crash-path-hang]', 'names: every vCPU'], HUNG), '');
  t.equal(
    wrongIn(['expect: [crash-path-hang]', 'names: ioapic_lock'], HUNG),
    'nothing in the verdict matches /ioapic_lock/',
  );
});

void t.test('a row as it is printed', async (t) => {
  t.match(judgeRow(row(['expect: [captured clean, cannot-tell]']), CLEAN, null), {
    ...{ name: 'made', expected: 'captured clean or cannot-tell', got: 'captured clean', ok: true },
    ...{ detail: 'nonce-verified', latencyMs: null },
  });
  t.match(unrunRow(row(['expect: [void/never-fired]']), 'no compiler'), {
    ...{ expected: 'void/never-fired', got: 'not-run', ok: false, wrong: 'no compiler' },
  });
});
