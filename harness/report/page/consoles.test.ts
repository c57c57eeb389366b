import t from 'tap';
import type { RunResult } from '../../model/result.js';
import { consoleLines } from './console-lines.js';
import { shownConsole } from './consoles.js';

const LINES = Array.from({ length: 100 }, (_, index) => `line ${index + 1}`);
const BYTES = Buffer.from(`${LINES.join('\n')}\n`);

function cites(text: string, what = 'panic'): RunResult['evidence'][number] {
  return { source: 'console', offset: BYTES.indexOf(`${text}\n`), length: 4, atMs: 0, what, excerpt: text };
}

function shown(most: number, evidence: RunResult['evidence'] = [], from = 0) {
  const part = { channel: 'console', from, to: BYTES.length } as const;
  return shownConsole(BYTES, part, { evidence, most }).rows.map((row) =>
    row.kind === 'line' ? row.number : `-${row.lines}`,
  );
}

t.test('a console that fits is shown whole, numbered from its start', async (t) => {
  t.strictSame(
    shown(100),
    LINES.map((_, index) => index + 1),
  );
  t.equal(shown(1000, [], BYTES.indexOf('line 51'))[0], 51);
  const empty = shownConsole(
    Buffer.alloc(0),
    { channel: 'console', from: 0, to: 0 },
    { evidence: [], most: 5 },
  );
  t.strictSame(empty, { lines: 0, bytes: 0, rows: [] });
});

t.test(
  'of a longer one the cited lines come first, then some around them, the beginning, the end',
  async (t) => {
    t.strictSame(shown(1, [cites('line 40')]), ['-39', 40, '-60']);
    t.strictSame(shown(9, [cites('line 40')]), ['-35', 36, 37, 38, 39, 40, 41, 42, 43, 44, '-56']);
    t.strictSame(shown(14, [cites('line 40')]).slice(-4), [44, '-54', 99, 100]);
    t.strictSame(shown(1, [cites('line 10'), cites('line 90')]), ['-89', 90, '-10'], 'the last one decides');
    t.strictSame(shown(5), [1, 2, 3, '-95', 99, 100]);
  },
);

t.test('what a line is cited for is said once; another channel and another part do not count', async (t) => {
  const part = { channel: 'console', from: 0, to: BYTES.length } as const;
  const evidence = [cites('line 2', 'panic'), cites('line 2', 'panic'), cites('line 2', 'hang')];
  const { rows } = shownConsole(BYTES, part, { evidence, most: 3 });
  t.match(rows[1], { number: 2, cited: ['panic', 'hang'] });
  t.strictSame(shown(1, [{ ...cites('line 40'), source: 'control' }]), [1, '-99']);
  t.strictSame(shown(1, [{ ...cites('line 40'), offset: 99_999 }]), [1, '-99']);
});

t.test('a line of megabytes is cut and marked, and hostile bytes are escaped', async (t) => {
  const flood = Buffer.concat([Buffer.alloc(8 * 1024 * 1024, '<'), Buffer.from('\r\n\u001b[2J\u202e\r\n')]);
  const { rows, lines } = shownConsole(
    flood,
    { channel: 'console', from: 0, to: flood.length },
    { evidence: [], most: 10 },
  );
  t.equal(lines, 2);
  t.match(rows, [{ text: `${'<'.repeat(240)}...` }, { text: String.raw`\x1b[2J\xe2\x80\xae` }]);
});

t.test('the more runs a page has, the fewer lines each has, and unexpected ones more', async (t) => {
  t.equal(consoleLines(1, 'expected'), 2000);
  t.equal(consoleLines(2000, 'expected'), 100);
  t.equal(consoleLines(2000, 'unexpected'), 400);
  t.equal(consoleLines(100_000, 'expected'), 60);
});

t.test('carriage returns before a line are not shown', async (t) => {
  const bytes = Buffer.from(`${'\r'.repeat(300)}panic\r\na\rb\n`);
  const part = { channel: 'console', from: 0, to: bytes.length } as const;
  const { rows } = shownConsole(bytes, part, { evidence: [], most: 5 });
  t.match(rows, [{ text: 'panic' }, { text: 'a\\x0db' }]);
});
