import { writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import which from 'which';
import { listedProgram } from '../testing/builders/listed-program.js';
import { CHUNK_BYTES, chunkSums, PAGE_BYTES, patternPage, patternSum } from '../timeline/chunk-sums.js';
import { readControlLine } from '../timeline/control.js';

/** Reads a file, and gives what the frames say. `command` for a shell: the program is $0, the file $1. */
async function read(t: Test, contents: Buffer, command?: string) {
  return readBy((await listedProgram(t, 'vmcore-reader')).path, contents, command);
}

async function readBy(path: string, contents: Buffer, command = '"$0" <"$1"') {
  const file = `${path}.vmcore`;
  await writeFile(file, contents);
  const { stdout, exitCode } = await execa('sh', ['-c', command, path, file], { reject: false });
  const bodies = stdout.split('\n').map((line) => readControlLine(line));
  const end = bodies.find((body) => body.type === 'vmcore-read');
  const chunks = bodies.flatMap((body) => (body.type === 'vmcore-chunks' ? body.chunks : []));
  return { exitCode, end, chunks };
}

/** Asks for the mapping alone. */
const MAPPED = '"$0" mapped <"$1"';
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
  // The first 16 pages of each window of four chunks are read whole, and the end, which fills no block.
  t.strictSame(end.read.mapped, { pages: 9 * 256 + 3 - 3 * 16 });
  const { chunks: allRead, end: endOfAll } = await read(t, contents, '"$0" read <"$1"');
  t.strictSame(allRead, chunks, 'the same when all of it is read');
  t.match(endOfAll, { read: { mapped: { pages: 0 } } });
  const { chunks: unmapped, end: endUnmapped } = await read(t, contents, 'ulimit -v 2048; exec "$0" <"$1"');
  t.strictSame(unmapped, chunks, 'and when it cannot be mapped');
  t.strictSame(endUnmapped?.type === 'vmcore-read' && endUnmapped.read.mapped, { pages: 0, errno: 12 });
  const mappedAlone = await read(t, contents, MAPPED);
  t.strictSame(mappedAlone.chunks, chunks, 'the same when no mapped page is read');
  const pages = 9 * 256 + 3 - 3 * 16;
  t.match(mappedAlone.end, { read: { mapped: { pages, unread: pages } } }, 'the frame says so');
  const asked = await read(t, contents, 'ulimit -v 2048; exec "$0" mapped <"$1"');
  t.strictSame(asked.chunks, chunks);
  t.strictSame(
    asked.end?.type === 'vmcore-read' && asked.end.read.mapped,
    { pages: 0, errno: 12 },
    'what cannot be mapped is read, whatever was asked for',
  );
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

/** What is wrong with read(2), and only with it: mmap shows the file. */
type Wrong = 'EIO' | 'other bytes' | 'zeros';

interface Fault {
  readonly wrong: Wrong;
  /** Pages of the file, the first and the one behind the last. */
  readonly pages: readonly [from: number, to: number];
  /** Bytes of these pages, if not all: the first and the one behind the last. */
  readonly bytes?: readonly [from: number, to: number];
}

/** pread64 that fails where it touches the pages, as read_vmcore() does for each read that touches a bad page. */
const failing = (from: number, to: number): string => `
made_pread:
lea rax, [r10 + rdx]
cmp rax, ${from}
jbe made_good
cmp r10, ${to}
jae made_good
mov rax, -5
ret
made_good:
mov eax, 17
syscall
ret`;

/** pread64 that changes the bytes of the pages. */
const changing = (change: string, [from, to]: readonly number[], [low, high]: readonly number[]): string => `
made_pread:
syscall
xor ecx, ecx
made_byte:
cmp rcx, rax
jge made_end
lea r11, [r10 + rcx]
cmp r11, ${from}
jb made_next
cmp r11, ${to}
jae made_next
and r11d, 4095
cmp r11d, ${low}
jb made_next
cmp r11d, ${high}
jae made_next
${change}
made_next:
inc rcx
jmp made_byte
made_end:
ret`;

/** The program with another pread64, which gets the same registers. */
async function withPread(t: Test, name: string, pread: string): Promise<string> {
  const program = await listedProgram(t, 'vmcore-reader');
  return program.variant(name, (source) => {
    const changed = source.replace(/(mov eax, 17 [^]*?)\nsyscall\n/g, '$1\ncall made_pread\n');
    return `${changed}\n${pread}`;
  });
}

async function readWith(
  t: Test,
  contents: Buffer,
  { wrong, pages, bytes = [0, PAGE_BYTES] }: Fault,
  command?: string,
) {
  const [from, to] = [pages[0] * PAGE_BYTES, pages[1] * PAGE_BYTES];
  const pread =
    wrong === 'EIO'
      ? failing(from, to)
      : changing(
          wrong === 'zeros' ? 'mov byte ptr [rsi + rcx], 0' : 'xor byte ptr [rsi + rcx], 0x5a',
          [from, to],
          bytes,
        );
  const got = await readBy(await withPread(t, 'faulty', pread), contents, command);
  const read = Buffer.alloc(Math.ceil(contents.length / PAGE_BYTES) * PAGE_BYTES);
  contents.copy(read);
  for (let at = from; at < Math.min(to, contents.length); at++) {
    const inPage = at % PAGE_BYTES;
    if (inPage < bytes[0] || inPage >= bytes[1]) continue;
    read[at] = wrong === 'other bytes' ? (contents[at] ?? 0) ^ 0x5a : 0;
  }
  return { ...got, asRead: sumsOf(read), asMapped: sumsOf(contents) };
}

/** The sums of each chunk, as the host computes them. The last page of `contents` may be a part of one. */
function sumsOf(contents: Buffer) {
  const whole = Buffer.alloc(Math.ceil(contents.length / PAGE_BYTES) * PAGE_BYTES);
  contents.copy(whole);
  return Array.from({ length: Math.ceil(whole.length / CHUNK_BYTES) }, (_, index) =>
    chunkSums(Buffer.from(whole.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES))),
  );
}

/**
 * Nine chunks and a part of a page. Of three pages one is zero, one has a number at 4000, one is full; chunk 6 is zero.
 */
function madeFile(): Buffer {
  const contents = Buffer.alloc(9 * CHUNK_BYTES + 5 * PAGE_BYTES + 1000);
  for (let page = 0; page < LAST_PAGE; page++) {
    const at = page * PAGE_BYTES;
    if (page % 3 === 1) contents.writeUInt32LE(page, at + 4000);
    if (page % 3 === 2) contents.fill(`page ${page}, `, at, at + PAGE_BYTES);
  }
  contents.fill(0, 6 * CHUNK_BYTES, 7 * CHUNK_BYTES);
  contents.write('the end', 9 * CHUNK_BYTES + 5 * PAGE_BYTES);
  return contents;
}

const PAGE_IN_CHUNK = 5 * 256 + 77;
const ZERO_PAGE_OF_FILE = 3 * 451;
const SPARSE_PAGE = ZERO_PAGE_OF_FILE + 1;
const FULL_PAGE = ZERO_PAGE_OF_FILE + 2;
const LAST_PAGE = 9 * 256 + 5;
/** Pages before the chunk of these pages; 16 of each window are read whole. */
const MAPPED_BEFORE = 5 * 256 - 2 * 16;

void t.test('pages that can be mapped and not be read', { skip }, async (t) => {
  const contents = madeFile();
  for (const { what, pages, mapped } of [
    { what: 'one page', pages: [PAGE_IN_CHUNK, PAGE_IN_CHUNK + 1], mapped: MAPPED_BEFORE },
    { what: 'a page of zeros', pages: [ZERO_PAGE_OF_FILE, ZERO_PAGE_OF_FILE + 1], mapped: MAPPED_BEFORE },
    { what: 'two MiB', pages: [5 * 256, 7 * 256], mapped: MAPPED_BEFORE },
    { what: 'all behind a page', pages: [5 * 256 + 255, LAST_PAGE + 1], mapped: MAPPED_BEFORE },
    { what: 'one of many zeros', pages: [6 * 256 + 99, 6 * 256 + 100], mapped: 6 * 256 - 2 * 16 },
    { what: 'zeros that are read with others', pages: [4 * 256 + 2, 4 * 256 + 3], mapped: 4 * 256 - 16 },
    { what: 'the first page', pages: [0, 1], mapped: 0 },
    { what: 'the last page before a chunk', pages: [511, 512], mapped: 256 - 16 },
    { what: 'the part of a page at the end', pages: [LAST_PAGE, LAST_PAGE + 1], mapped: 9 * 256 - 3 * 16 },
  ] as const) {
    const { end, chunks, asRead } = await readWith(t, contents, { wrong: 'EIO', pages });
    if (end?.type !== 'vmcore-read') return t.fail(`${what}: no end`);
    const bad = (index: number) =>
      Math.max(0, Math.min(pages[1], index * 256 + 256) - Math.max(pages[0], index * 256));
    const wanted = asRead.map((sums, index) => ({ ...sums, unreadablePages: bad(index) }));
    t.strictSame(chunks, wanted, `${what}: counted page by page, zeros in their place`);
    t.match(
      end.read,
      {
        unreadablePages: pages[1] - pages[0],
        firstUnreadable: { offset: pages[0] * PAGE_BYTES, errno: 5 },
        mapped: { pages: mapped },
      },
      `${what}: no page of the same chunk, and none behind it, is taken from the window`,
    );
  }
});

void t.test('pages that reading and mapping show differently', { skip }, async (t) => {
  const contents = madeFile();
  for (const { what, wrong, page, mapped = MAPPED_BEFORE } of [
    { what: 'a full page, other bytes', wrong: 'other bytes', page: FULL_PAGE },
    { what: 'a full page, zeros', wrong: 'zeros', page: FULL_PAGE },
    { what: 'a page with few bytes, zeros', wrong: 'zeros', page: SPARSE_PAGE },
    { what: 'read with others', wrong: 'other bytes', page: 4 * 256 + 5, mapped: 4 * 256 - 16 },
    { what: 'a page of zeros, other bytes', wrong: 'other bytes', page: ZERO_PAGE_OF_FILE },
  ] as const) {
    const { end, chunks, asRead } = await readWith(t, contents, { wrong, pages: [page, page + 1] });
    t.match(chunks, asRead, `${what}: the sums are of what was read`);
    t.strictSame(
      end?.type === 'vmcore-read' && end.read.mapped,
      { pages: mapped, unlikeAt: page * PAGE_BYTES },
      `${what}: the frame has the page`,
    );
  }
  const everywhere = [64 * 20 + 3, 64 * 21 + 3] as const;
  const some = await readWith(t, contents, { wrong: 'other bytes', pages: everywhere, bytes: [72, 73] });
  t.match(some.chunks, some.asRead, 'a byte of 64 pages: one of them has its turn there');
});

void t.test('what is no fault of reading, or none that a part of a page shows', { skip }, async (t) => {
  const contents = madeFile();
  const all = { pages: 9 * 256 - 3 * 16 };
  for (const [what, fault] of Object.entries({
    'no page': { wrong: 'EIO', pages: [700, 700] },
    'pages behind the end': { wrong: 'EIO', pages: [LAST_PAGE + 1, LAST_PAGE + 9] },
    'zeros that read as zeros': { wrong: 'zeros', pages: [ZERO_PAGE_OF_FILE, ZERO_PAGE_OF_FILE + 1] },
    'zeros of a page with data': { wrong: 'zeros', pages: [SPARSE_PAGE, SPARSE_PAGE + 1], bytes: [0, 4000] },
    'eight bytes of a page': { wrong: 'other bytes', pages: [FULL_PAGE, FULL_PAGE + 1], bytes: [8, 16] },
  } satisfies Record<string, Fault>)) {
    const { end, chunks, asMapped } = await readWith(t, contents, fault);
    t.match(chunks, asMapped, what);
    t.strictSame(end?.type === 'vmcore-read' && end.read.mapped, all, `${what}: mapped to the end`);
    t.match(end, { read: { unreadablePages: 0 } }, what);
  }
});

void t.test('the mapping alone: a page that cannot be read is not found, many are', { skip }, async (t) => {
  const contents = madeFile();
  const all = 9 * 256 - 3 * 16;
  const alone: Record<string, Fault> = {
    'one page': { wrong: 'EIO', pages: [PAGE_IN_CHUNK, PAGE_IN_CHUNK + 1] },
    'other bytes': { wrong: 'other bytes', pages: [FULL_PAGE, FULL_PAGE + 1] },
    zeros: { wrong: 'zeros', pages: [FULL_PAGE, FULL_PAGE + 1] },
  };
  for (const [what, fault] of Object.entries(alone)) {
    const { end, chunks, asMapped } = await readWith(t, contents, fault, MAPPED);
    t.match(chunks, asMapped, what);
    const mapped = end?.type === 'vmcore-read' && end.read.mapped;
    t.strictSame(mapped, { pages: all, unread: all }, `${what}: the frame says what was not read`);
  }
  // The first 16 pages of a window are read with any level; from the MiB of a bad one on, all is read.
  const before = 4 * 256 - 16;
  for (const wrong of ['EIO', 'other bytes', 'zeros'] as const) {
    const pages = [4 * 256, LAST_PAGE + 1] as const;
    const { end, chunks, asRead } = await readWith(t, contents, { wrong, pages }, MAPPED);
    t.match(chunks, asRead, `${wrong}: the sums are of what was read`);
    const mapped = end?.type === 'vmcore-read' && end.read.mapped;
    t.strictSame(
      mapped,
      { pages: before, unread: before, unlikeAt: 4 * CHUNK_BYTES },
      `${wrong}: the frame has the page`,
    );
  }
});

void t.test('reads that fail as soon as they are longer than a page', { skip }, async (t) => {
  const contents = madeFile();
  const pread = `made_pread:\ncmp rdx, ${PAGE_BYTES}\nja made_long\nsyscall\nret\nmade_long:\nmov rax, -12\nret`;
  const { end, chunks } = await readBy(await withPread(t, 'short', pread), contents);
  t.match(chunks, sumsOf(contents));
  t.match(end, { read: { unreadablePages: 0, mapped: { pages: 0, unlikeAt: 0 } } }, 'the frame says so');
});

void t.test('the bytes are what its source assembles to', { skip }, async (t) => {
  const { wanted, found } = await (await listedProgram(t, 'vmcore-reader')).assembled();
  t.equal(found, wanted);
});
