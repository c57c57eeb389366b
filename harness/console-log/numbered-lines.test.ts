import t from 'tap';
import { createLineNumberer } from './numbered-lines.js';

function read(text: string, chunk = text.length): { lines: string[]; count: number } {
  const numberer = createLineNumberer();
  const lines: string[] = [];
  const each = ({ text: line, number, offset }: { text: string; number: number; offset: number }) =>
    lines.push(`${number}@${offset} ${line}`);
  for (let at = 0; at < text.length; at += chunk)
    numberer.push(Buffer.from(text.slice(at, at + chunk), 'latin1'), each);
  numberer.flush(each);
  return { lines, count: numberer.lines };
}

void t.test('numbers are those of an editor', async (t) => {
  for (const chunk of [1, 2, 3, 100]) {
    t.strictSame(read('a\n\nb\r\nc\rd\n', chunk), { lines: ['1@0 a', '3@3 b', '4@6 c', '4@8 d'], count: 4 });
    t.strictSame(read('a\nb', chunk), { lines: ['1@0 a', '2@2 b'], count: 2 });
    t.strictSame(read('\r\r\n', chunk), { lines: [], count: 1 });
  }
  t.strictSame(createLineNumberer().lines, 0);
});

void t.test('a long line is read as far as its beginning', async (t) => {
  const { lines, count } = read(`${'x'.repeat(100_000)}\ny\n`, 999);
  t.equal(lines[0]?.length, '1@0 '.length + 8 * 1024);
  t.strictSame([lines[1], count], ['2@100001 y', 2]);
});
