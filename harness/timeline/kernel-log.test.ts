import t from 'tap';
import { createLogMerger } from './kernel-log.js';

const PANIC = '[    2.000000] Kernel panic - not syncing: no root';
const BUG = '[    1.000000] kernel BUG at mm/made.c:1!';

void t.test('a log adds what the console did not show', async (t) => {
  const merger = createLogMerger();
  merger.note({ type: 'capture-command-line' });
  const log = [
    '[    0.000000] Linux version 6.1.0 (made)',
    '[    0.000000] Command line: quiet elfcorehdr=1K',
    BUG,
    PANIC,
    '',
  ].join('\n');
  t.strictSame(merger.log('capture', log), [
    { type: 'oops', message: 'kernel BUG at mm/made.c:1!', side: 'capture' },
    { type: 'panic', message: 'no root', side: 'capture' },
  ]);
  t.strictSame(merger.log('capture', log), [], 'read again');
  t.match(merger.log('capture', `${log}${PANIC}\n`), [{ type: 'panic' }], 'once more than before');
});

void t.test('the log of each kernel is its own', async (t) => {
  const merger = createLogMerger();
  merger.note({ type: 'panic', message: 'no root', side: 'production' });
  t.strictSame(merger.log('production', `${PANIC}\n`), []);
  t.match(merger.log('capture', `${PANIC}\n`), [{ type: 'panic', side: 'capture' }]);
});

void t.test('what came before a panic that the console showed is not put behind it', async (t) => {
  const lines = [BUG, PANIC, BUG.replace('made.c', 'after.c'), ''].join('\n');
  const shown = createLogMerger();
  shown.note({ type: 'panic', message: 'no root', side: 'production' });
  t.match(shown.log('production', lines), [{ type: 'oops', message: 'kernel BUG at mm/after.c:1!' }]);
  const capture = createLogMerger();
  capture.note({ type: 'panic', message: 'no root', side: 'capture' });
  t.equal(capture.log('capture', lines).length, 2, 'what led to the panic of the capture kernel');
  const silent = createLogMerger();
  t.strictSame(
    silent.log('production', lines).map(({ type }) => type),
    ['oops', 'panic', 'oops'],
    'in its order',
  );
});

void t.test("a log's boot shows no second boot", async (t) => {
  const log = ['Linux version 6.1.0 (made)', 'Command line: console=ttyS0', 'Linux version 6.1.0 (made)', '']
    .map((line) => `[    0.000000] ${line}`)
    .join('\n');
  t.strictSame(createLogMerger().log('production', log), []);
});

void t.test('a console that shows callers shows the same messages', async (t) => {
  const merger = createLogMerger();
  const signature = (text: string) =>
    ({ type: 'signature', name: 'nobody-cared', side: 'capture', degrades: true, text }) as const;
  merger.note(signature('[    3.000000][  T1] irq 11: nobody cared'));
  const log = (...lines: string[]) => merger.log('capture', lines.map((line) => `${line}\n`).join(''));
  t.strictSame(log('[    3.000000] irq 11: nobody cared'), []);
  t.strictSame(log('[    3.000000] irq 11: nobody cared', '[    4.000000] irq 11: nobody cared').length, 1);
});
