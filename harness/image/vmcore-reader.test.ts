import { writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import which from 'which';
import { listedProgram } from '../testing/builders/listed-program.js';
import { CHUNK_BYTES, chunkSums, PAGE_BYTES, patternPage, patternSum } from '../timeline/chunk-sums.js';
import { readControlLine } from '../timeline/control.js';

/** Reads a file, and gives what the frames say. `command` for a shell: the program is $0, the file $1. */
async function read(t: Test, contents: Buffer, command = '"$0" <"$1"') {
  const { path } = await listedProgram(t, 'vmcore-reader');
  const file = `${path}.vmcore`;
  await writeFile(file, contents);
  const { stdout, exitCode } = await execa('sh', ['-c', command, path, file], { reject: false });
  const bodies = stdout.split('\n').map((line) => readControlLine(line));
  const end = bodies.find((body) => body.type === 'vmcore-read');
  const chunks = bodies.flatMap((body) => (body.type === 'vmcore-chunks' ? body.chunks : []));
  return { exitCode, end, chunks };
}

const SKIP = process.arch === 'x64' ? false : 'the program is for x86-64';

void t.test('every chunk has the sums that the host computes', { skip: SKIP }, async (t) => {
  const contents = Buffer.alloc(9 * CHUNK_BYTES + 3 * PAGE_BYTES);
  for (let at = 0; at < contents.length; at += 3 * PAGE_BYTES) contents.fill(`page ${at}, `, at, at + 4000);
  for (const [at, page] of [0, 1, 1023, 700, 700].entries()) {
    patternPage('cp-made', page).copy(contents, (7 * at + 1) * PAGE_BYTES * 40);
  }
  const { exitCode, end, chunks } = await read(t, contents);
  t.equal(exitCode, 0);
  t.equal(chunks.length, 10);
  chunks.forEach((chunk, index) => {
    const part = Buffer.from(contents.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES));
    t.strictSame(chunk, { ...chunkSums(part), unreadablePages: 0 });
  });
  t.match(end, {
    read: {
      sizeBytes: contents.length,
      unreadablePages: 0,
      patterns: [0, 1, 700, 1023],
      patternSum: patternSum('cp-made', [0, 1, 700, 1023]),
    },
  });
  if (end?.type !== 'vmcore-read') return t.fail('no end');
  // The first 16 pages of each chunk are read, and the end, which fills no block.
  t.strictSame(end.read.mapped, { pages: 9 * (256 - 16) });
  const { chunks: allRead, end: endOfAll } = await read(t, contents, '"$0" read <"$1"');
  t.strictSame(allRead, chunks, 'the same when all of it is read');
  t.match(endOfAll, { read: { mapped: { pages: 0 } } });
  const { chunks: unmapped, end: endUnmapped } = await read(t, contents, 'ulimit -v 2048; exec "$0" <"$1"');
  t.strictSame(unmapped, chunks, 'and when it cannot be mapped');
  t.strictSame(endUnmapped?.type === 'vmcore-read' && endUnmapped.read.mapped, { pages: 0, errno: 12 });
});

void t.test(
  'only whole pattern pages count, and the end of a page may be missing',
  { skip: SKIP },
  async (t) => {
    const contents = Buffer.alloc(4 * PAGE_BYTES + 100, 'x');
    patternPage('cp-made', 3).copy(contents, 0);
    patternPage('cp-made', 4).copy(contents, PAGE_BYTES);
    contents.write('!', PAGE_BYTES + 4000);
    patternPage('cp-made', 5).copy(contents, 2 * PAGE_BYTES + 64);
    const { end, chunks } = await read(t, contents);
    t.match(end, { read: { sizeBytes: contents.length, patterns: [3] } });
    const padded = Buffer.concat([contents, Buffer.alloc(PAGE_BYTES - 100)]);
    t.match(chunks, [chunkSums(padded)]);
  },
);

void t.test('an empty file is a fault, as is an output that cannot be written', { skip: SKIP }, async (t) => {
  t.equal((await read(t, Buffer.alloc(0))).exitCode, 1);
  const { path } = await listedProgram(t, 'vmcore-reader');
  const full = await execa('sh', ['-c', '"$0" <"$0" >/dev/full', path], { reject: false });
  t.equal(full.exitCode, 2);
});

const lacking = ['as', 'objcopy'].filter((name) => which.sync(name, { nothrow: true }) === null);
const skip = lacking.length === 0 ? SKIP : `${lacking.join(', ')} of binutils is not installed`;
void t.test('the bytes are what its source assembles to', { skip }, async (t) => {
  const { wanted, found } = await (await listedProgram(t, 'vmcore-reader')).assembled();
  t.equal(found, wanted);
});
