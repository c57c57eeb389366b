import t from 'tap';
import { consoleExcerpt, excerptOf } from './console-excerpt.js';
import { reportFixtures } from '../testing/recordings/reported-run.js';

const { console: CONSOLE, hung: HUNG } = reportFixtures();

void t.test('without console evidence: the last lines', async (t) => {
  const { endsAt, lines, consoleBytes } = consoleExcerpt(CONSOLE);
  t.equal(endsAt, 'end-of-console');
  t.equal(lines.length, 30);
  t.match(lines.at(-1), { number: 38, text: '[    4.624829]  </TASK>' });
  t.equal(lines[0]?.number, 9);
  t.equal(consoleBytes, CONSOLE.length);
});

void t.test('with console evidence: the cited line, and what the guest said after it', async (t) => {
  const { endsAt, lines } = consoleExcerpt(CONSOLE, HUNG.evidence);
  t.equal(endsAt, 'evidence');
  t.match(lines.at(-1), { number: 19 }, 'fifteen lines behind the cited one');
  t.same(
    lines.slice(0, 4).map(({ number, text }) => `${number} ${text}`),
    [
      '1 [    2.439897] x86/mm: Checked W+X mappings: passed, no W+X pages found.',
      '2 [    2.440552] Run /init as init process',
      '3 [    4.623530] sysrq: Trigger a crash',
      '4 [    4.624082] Kernel panic - not syncing: sysrq triggered crash',
    ],
  );
  for (const { offset, text } of lines) {
    t.equal(CONSOLE.toString('latin1', offset, offset + text.length), text, 'offsets are true');
  }
});

void t.test('a verdict about the end of the guest shows its last lines', async (t) => {
  const { evidence } = HUNG;
  t.equal(excerptOf({ verdict: 'crash-path-hang', evidence }, CONSOLE).endsAt, 'evidence');
  t.equal(excerptOf(undefined, CONSOLE).endsAt, 'end-of-console', 'no verdict');
  for (const verdict of ['capture-hang', 'capture-reset', 'cannot-tell'] as const) {
    t.equal(excerptOf({ verdict, evidence }, CONSOLE).endsAt, 'end-of-console', verdict);
  }
});

void t.test('the last citation counts, whatever the order', async (t) => {
  const bytes = Buffer.from('one\ntwo\nthree\nfour\n');
  const cite = (offset: number, length: number) => ({
    source: 'console' as const,
    offset,
    length,
    atMs: 1,
    what: 'x',
    excerpt: 'x',
  });
  const numbers = (...evidence: ReturnType<typeof cite>[]) =>
    consoleExcerpt(bytes, evidence, { linesAfter: 0 }).lines.map(({ number }) => number);
  t.same(numbers(cite(8, 5), cite(0, 3)), [1, 2, 3]);
  t.same(numbers(cite(4, 4)), [1, 2], 'the line feed belongs to its line');
  t.same(numbers(cite(4, 0)), [1, 2], 'an empty citation is the line that it stands in');
  t.same(numbers(cite(8, 1e9)), [1, 2, 3, 4], 'a citation that runs past the end');
  const after = consoleExcerpt(bytes, [cite(0, 3)], { linesAfter: 2 });
  t.same(
    after.lines.map(({ number }) => number),
    [1, 2, 3],
  );
  t.equal(consoleExcerpt(bytes, [cite(500, 3)]).endsAt, 'end-of-console', 'bytes that are not there');
  t.same(consoleExcerpt(bytes, [], { maxLines: 2 }).lines, [
    { number: 3, offset: 8, text: 'three' },
    { number: 4, offset: 14, text: 'four' },
  ]);
});

void t.test('hostile bytes are spelled out, a flood without line feeds is cut', async (t) => {
  const [line] = consoleExcerpt(Buffer.from('\u001b[2J\u0007ok\xff\r\r\n', 'latin1')).lines;
  t.same(line, { number: 1, offset: 0, text: String.raw`\x1b[2J\x07ok\xff` });
  const flood = consoleExcerpt(Buffer.alloc(1_000_000, 'a')).lines;
  t.same(flood, [{ number: 1, offset: 0, text: `${'a'.repeat(200)}...` }]);
  t.equal(consoleExcerpt(Buffer.from(`${'b'.repeat(200)}\r\n`)).lines[0]?.text, 'b'.repeat(200), 'not cut');
});

void t.test('an empty console has no lines', async (t) => {
  t.same(consoleExcerpt(Buffer.alloc(0)).lines, []);
  t.same(consoleExcerpt(Buffer.from('\n\n')).lines, [
    { number: 1, offset: 0, text: '' },
    { number: 2, offset: 1, text: '' },
  ]);
});

void t.test('carriage returns before a line are not shown, those in it are', async (t) => {
  const bytes = Buffer.from(`one\r\n${'\r'.repeat(150)}[    4.5] Kernel panic - not syncing: x\r\na\rb\r\n`);
  const { lines } = consoleExcerpt(bytes);
  t.same(
    lines.map(({ number, offset, text }) => [number, offset, text]),
    [
      [1, 0, 'one'],
      [2, 5, '[    4.5] Kernel panic - not syncing: x'],
      [3, bytes.length - 5, 'a\\x0db'],
    ],
  );
});
