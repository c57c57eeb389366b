import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { openProcessMemory, ownRuns, readMappings } from './process-memory.js';

void t.test('mappings, as the kernel lists them', (t) => {
  const text = [
    '7f21c0000000-7f21f0000000 rw-p 00000000 00:00 0 ',
    '7f2230000000-7f2260000000 rw-p 00100000 00:1a 1031                       /dev/shm/#1031 (deleted)',
    '7f2260000000-7f2260001000 rw-s 00000000 00:01 7                          /dev/zero (deleted)',
    '7f2270000000-7f2270001000 ---p 00000000 00:00 0 ',
    'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]',
    '',
  ].join('\n');
  t.match(readMappings(text), [
    { start: 0x7f21c0000000, end: 0x7f21f0000000, isPrivate: true, offset: 0, inode: 0 },
    { start: 0x7f2230000000, end: 0x7f2260000000, isPrivate: true, offset: 0x100000, inode: 1031 },
    { isPrivate: false, inode: 7 },
    { isPrivate: false, inode: 0 },
    { isPrivate: false },
  ]);
  t.end();
});

void t.test('pages of which the process has its own copy', (t) => {
  const entry = { none: 0, present: 1 << 31, swapped: 1 << 30, ofFile: (1 << 31) | (1 << 29) };
  const runs = (words: readonly (keyof typeof entry)[]) => {
    const entries = new Uint32Array(words.length * 2);
    words.forEach((word, page) => {
      entries[page * 2 + 1] = entry[word];
    });
    return ownRuns(entries).map(({ first, end, isOwn }) => `${first}-${end}${isOwn ? ' own' : ''}`);
  };
  t.strictSame(runs(['none', 'none']), ['0-2']);
  t.strictSame(runs(['present', 'swapped', 'ofFile']), ['0-2 own', '2-3'], 'the end is no gap');
  t.strictSame(runs(['none', 'present', 'none', 'none', 'none', 'present']), ['0-1', '1-6 own'], 'short gap');
  t.strictSame(runs(['present', 'none', 'none', 'none', 'ofFile', 'present']), ['0-1 own', '1-5', '5-6 own']);
  t.strictSame(runs([]), []);
  t.end();
});

/** Maps 4 pages and writes to the third; prints their address, waits for the end of its input. */
const PROGRAM = `
import ctypes, mmap, sys
pages = mmap.mmap(-1, 16384, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
pages[8192:8197] = b"third"
print(ctypes.addressof(ctypes.c_char.from_buffer(pages)), flush=True)
sys.stdin.read()
`;

void t.test('a child is read, with zeros for what it never touched, until it is gone', async (t) => {
  const child = spawn('python3', ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [text] = await once(child.stdout, 'data');
  const address = Number(String(text));
  const memory = openProcessMemory(child.pid ?? 0);
  t.teardown(() => memory.close());
  const into = Buffer.alloc(16384, 0xff);
  t.throws(() => memory.read(into, address), RangeError, 'what was not taken');
  t.notOk(memory.take(2 ** 46, 4096), 'nothing is mapped there');
  t.ok(memory.take(address, 16384));
  memory.read(into, address);
  const expected = Buffer.alloc(16384);
  expected.write('third', 8192);
  t.ok(into.equals(expected));
  child.stdin.end();
  await once(child, 'exit');
  t.throws(() => memory.read(into, address), 'a process that is gone has no memory');
});

void t.test('the memory of no process cannot be opened', (t) => {
  t.throws(() => openProcessMemory(0x7fff_ffff), { code: 'ENOENT' });
  t.end();
});
