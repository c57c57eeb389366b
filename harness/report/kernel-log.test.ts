import t from 'tap';
import { type KernelLog, silentLogs } from './kernel-log.js';

const log = (side: KernelLog['side'], ...lines: string[]): KernelLog => ({
  fact: 'kernel-log',
  side,
  text: lines.map((line) => `${line}\n`).join(''),
});

void t.test('the logs that the console did not show', async (t) => {
  const shown = Buffer.from('[    1.000000] of the first\r\n', 'latin1');
  t.strictSame(silentLogs([log('production', '[    1.000000] of the first')], shown), []);
  t.strictSame(
    silentLogs(
      [log('production', '[    1.000000] of the first'), log('capture', '[    0.1] a', '[    0.2] b')],
      shown,
    ),
    [{ side: 'capture', lines: ['[    0.1] a', '[    0.2] b'], total: 2 }],
  );
  t.strictSame(silentLogs([], shown), []);
  t.strictSame(silentLogs([log('capture')], shown), [], 'an empty log');
});

void t.test('the latest reading, its end, and nothing that a terminal would obey', async (t) => {
  const many = Array.from({ length: 100 }, (_, index) => `line ${index}`);
  const [last] = silentLogs(
    [log('capture', 'old'), log('capture', ...many, 'bad \u001b[2J')],
    Buffer.alloc(0),
  );
  t.equal(last?.total, 101);
  t.equal(last?.lines.length, 40);
  t.equal(last?.lines[0], 'line 61');
  t.notMatch(last?.lines.at(-1), '\u001b');
});
