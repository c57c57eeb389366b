import { Writable } from 'node:stream';
import xterm from '@xterm/headless';
import t from 'tap';
import { canRedraw, openLiveScreen, type Terminal } from './live-screen.js';

/** A terminal that shows what is written to it. */
function shownTerminal(columns: number, rows: number) {
  const emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true });
  let written = '';
  const stream = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        written += chunk.toString();
        emulator.write(chunk.toString(), done);
      },
    }),
    { isTTY: true, columns, rows },
  );
  return {
    stream,
    written: () => written,
    resize(cols: number) {
      emulator.resize(cols, rows);
      stream.columns = cols;
      stream.emit('resize');
    },
    /** Lines of the screen and of what has scrolled out of it, to the last that is not empty. */
    async lines(): Promise<string[]> {
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
      const { active } = emulator.buffer;
      const lines = Array.from(
        { length: active.length },
        (_, y) => active.getLine(y)?.translateToString(true) ?? '',
      );
      return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
    },
  };
}

t.test('lines stay at the bottom, messages scroll above', async (t) => {
  const terminal = shownTerminal(40, 6);
  let count = 0;
  const screen = openLiveScreen(terminal.stream, {
    lines: () => [`${count} of 9`, 'guest'],
    everyMs: 60_000,
  });
  t.strictSame(await terminal.lines(), ['0 of 9', 'guest']);
  for (; count < 9; count += 1) screen.above(() => terminal.stream.write(`result ${count}\n`));
  screen.redraw();
  const results = Array.from({ length: 9 }, (_, index) => `result ${index}`);
  t.strictSame(await terminal.lines(), [...results, '9 of 9', 'guest']);
  screen.end();
  t.strictSame(await terminal.lines(), results, 'nothing is left of them');
  t.notMatch(terminal.written(), '\u001b[?25l', 'the cursor is never hidden');
});

t.test('the size of the terminal is asked for each time', async (t) => {
  const terminal = shownTerminal(40, 10);
  const sizes: unknown[] = [];
  const screen = openLiveScreen(terminal.stream, {
    lines: (size) => {
      sizes.push(size);
      return ['x'.repeat(size.columns - 1)];
    },
    everyMs: 60_000,
  });
  terminal.resize(20);
  t.strictSame(sizes, [
    { columns: 40, rows: 8 },
    { columns: 20, rows: 8 },
  ]);
  t.equal((await terminal.lines()).at(-1), 'x'.repeat(19));
  screen.end();
});

t.test('a terminal that does not know its size', async (t) => {
  const sizeOf = (columns: number, rows: number) => {
    const { stream } = shownTerminal(80, 24);
    let seen: unknown;
    const screen = openLiveScreen(Object.assign(stream, { columns, rows }), {
      lines: (size) => {
        seen = size;
        return [];
      },
      everyMs: 60_000,
    });
    screen.end();
    return seen;
  };
  t.strictSame(sizeOf(0, 0), { columns: 80, rows: 22 });
  t.strictSame(sizeOf(1, 1), { columns: 1, rows: 1 });
});

t.test('where nothing is drawn in place', async (t) => {
  const before = process.env['TERM'];
  t.teardown(() => {
    if (before === undefined) delete process.env['TERM'];
    else process.env['TERM'] = before;
  });
  const terminal = (isTTY: boolean): Terminal => Object.assign(new Writable(), { isTTY });
  process.env['TERM'] = 'xterm';
  t.equal(canRedraw(terminal(true)), true);
  t.equal(canRedraw(terminal(false)), false);
  process.env['TERM'] = 'dumb';
  t.equal(canRedraw(terminal(true)), false);
});
