import t from 'tap';
import { seededRandom } from '../testing/randomness.js';
import { type ChannelLine, createLineSplitter } from './lines.js';

function split(pieces: readonly string[], maxLineBytes = 100): ChannelLine[] {
  const splitter = createLineSplitter(maxLineBytes);
  const lines = pieces.flatMap((piece) => splitter.push(Buffer.from(piece, 'latin1')));
  const rest = splitter.flush();
  return rest === undefined ? lines : [...lines, rest];
}

const texts = (pieces: readonly string[], maxLineBytes?: number) =>
  split(pieces, maxLineBytes).map(({ text }) => text);

void t.test('CR, LF and both end a line; empty lines are dropped', async (t) => {
  t.strictSame(texts(['a\nb\r\nc\rd\r\r\n\n\ne']), ['a', 'b', 'c', 'd', 'e']);
  t.strictSame(texts(['\r\n\r\n']), []);
  t.strictSame(texts([]), []);
});

void t.test('offsets and lengths are those of the bytes', async (t) => {
  const bytes = 'ab\r\n\xff\xfec\rd';
  const lines = split([bytes]);
  t.strictSame(
    lines.map(({ offset, length }) => [offset, length]),
    [
      [0, 2],
      [4, 3],
      [8, 1],
    ],
  );
  for (const { text, offset, length } of lines) t.equal(bytes.slice(offset, offset + length), text);
});

void t.test('a line cut between chunks is one line', async (t) => {
  t.strictSame(texts(['Kernel pa', 'nic', '\r', '\nnext\n']), ['Kernel panic', 'next']);
});

void t.test('a line that never ends is cut at the limit, and nothing is lost', async (t) => {
  t.strictSame(texts(['aaaaaaaa'], 3), ['aaa', 'aaa', 'aa']);
  t.strictSame(texts(['aaa\nbbb\n'], 3), ['aaa', 'bbb'], 'a line of just the limit is whole');
  t.strictSame(texts(['aaa', 'a\n'], 3), ['aaa', 'a']);
});

void t.test('nothing is given before its end is seen', async (t) => {
  const splitter = createLineSplitter(10);
  t.strictSame(splitter.push(Buffer.from('abc')), []);
  t.strictSame(splitter.flush(), { text: 'abc', offset: 0, length: 3 });
  t.equal(splitter.flush(), undefined, 'flushed once');
  t.strictSame(splitter.push(Buffer.from('d\n')), [{ text: 'd', offset: 3, length: 1 }]);
});

void t.test('any chunking gives the same lines', async (t) => {
  const random = seededRandom(7);
  for (let round = 0; round < 200; round++) {
    const alphabet = 'ab\r\n';
    const bytes = Array.from({ length: 60 }, () => alphabet[random.below(4)]).join('');
    const pieces: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.below(9);
      pieces.push(bytes.slice(at, at + length));
      at += length;
    }
    t.strictSame(split(pieces, 4), split([bytes], 4), JSON.stringify(bytes));
  }
});

void t.test('half a megabyte that comes byte by byte is read in linear time', async (t) => {
  const splitter = createLineSplitter(512 * 1024);
  const byte = Buffer.from('x');
  const startedMs = performance.now();
  for (let i = 0; i < 512 * 1024; i++) splitter.push(byte);
  t.equal(splitter.flush()?.length, 512 * 1024);
  // Quadratic copying would take minutes.
  t.ok(performance.now() - startedMs < 20_000);
});
