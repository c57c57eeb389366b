import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t from 'tap';
import { neededLibraries } from '../symbols/elf.js';
import { readTreeProgram } from './tree-programs.js';

/**
 * An ELF32 i386 file with a loader and DT_NEEDED names: program headers for PT_LOAD (all of it, at 0x1000), PT_INTERP
 * and PT_DYNAMIC.
 */
function makeElf32(needed: readonly string[], { interpreter = '', machine = 3 } = {}): Buffer {
  const strings = Buffer.from(`\0${needed.map((name) => `${name}\0`).join('')}`, 'latin1');
  const dynamic = Buffer.alloc(8 * (needed.length + 2));
  const stringsAt = 52 + 3 * 32;
  const dynamicAt = stringsAt + strings.length;
  const loaderAt = dynamicAt + dynamic.length;
  let name = 1;
  for (const [index, library] of needed.entries()) {
    dynamic.writeUInt32LE(1, 8 * index);
    dynamic.writeUInt32LE(name, 8 * index + 4);
    name += library.length + 1;
  }
  dynamic.writeUInt32LE(5, 8 * needed.length);
  dynamic.writeUInt32LE(0x1000 + stringsAt, 8 * needed.length + 4);
  const loader = Buffer.from(`${interpreter}\0`, 'latin1');
  const header = Buffer.alloc(52);
  header.write('\x7fELF\x01\x01\x01', 'latin1');
  header.writeUInt16LE(3, 16);
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(52, 28);
  header.writeUInt16LE(32, 42);
  header.writeUInt16LE(3, 44);
  const segment = (type: number, offset: number, size: number) => {
    const bytes = Buffer.alloc(32);
    for (const [at, value] of [type, offset, 0x1000 + offset, 0, size].entries())
      bytes.writeUInt32LE(value, 4 * at);
    return bytes;
  };
  const size = loaderAt + loader.length;
  const segments = [
    segment(1, 0, size),
    segment(interpreter === '' ? 0 : 3, loaderAt, loader.length),
    segment(2, dynamicAt, dynamic.length),
  ];
  return Buffer.concat([header, ...segments, strings, dynamic, loader]);
}

async function makeTree(root: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), bytes);
  }
}

const LOADER = '/lib/ld-linux.so.2';
const KEXEC = makeElf32(['libc.so.6', 'libz.so.1'], { interpreter: LOADER });

void t.test('names of libraries, without running anything', async (t) => {
  t.strictSame(neededLibraries(KEXEC), ['libc.so.6', 'libz.so.1']);
  t.strictSame(neededLibraries(makeElf32([])), []);
  t.throws(() => neededLibraries(KEXEC.subarray(0, 120)), RangeError);
});

void t.test('a program is found with its loader and all that its libraries need', async (t) => {
  const root = t.testdir();
  await makeTree(root, {
    'usr/sbin/kexec': KEXEC,
    'lib/i386-linux-gnu/libc.so.6': makeElf32(['ld-linux.so.2']),
    'usr/lib/i386-linux-gnu/libz.so.1': makeElf32(['libc.so.6', 'libdeep.so']),
    'lib/i386-linux-gnu/libdeep.so': makeElf32([]),
    'lib/i386-linux-gnu/ld-linux.so.2': makeElf32([]),
  });
  await symlink('i386-linux-gnu/ld-linux.so.2', join(root, 'lib/ld-linux.so.2'));
  const program = await readTreeProgram('kexec', root);
  t.strictSame(program.libraries, [
    '/lib/i386-linux-gnu/ld-linux.so.2',
    '/lib/i386-linux-gnu/libc.so.6',
    '/lib/i386-linux-gnu/libdeep.so',
    LOADER,
    '/usr/lib/i386-linux-gnu/libz.so.1',
  ]);
  t.ok(program.bytes.equals(KEXEC));
});

void t.test('what is missing, foreign or leads out of the tree is refused', async (t) => {
  const root = t.testdir();
  const refused = (why: RegExp) =>
    t.rejects(readTreeProgram('kexec', root), { kind: 'harness', message: why });
  await makeTree(root, { 'lib/other': KEXEC });
  await refused(/32-bit program "kexec" .* the packages do not have it; remove/);
  await makeTree(root, { 'sbin/kexec': makeElf32([], { machine: 62 }) });
  await refused(/not an i386 ELF program/);
  await makeTree(root, { 'sbin/kexec': KEXEC });
  await refused(/its loader \/lib\/ld-linux.so.2 is not in the packages/);
  await symlink('/etc/hostname', join(root, 'lib/ld-linux.so.2'));
  await refused(/its loader/);
});

void t.test(
  'a library counts only where the 32-bit loader looks, and only when it is a 32-bit one',
  async (t) => {
    const root = t.testdir();
    const refused = (why: RegExp) =>
      t.rejects(readTreeProgram('kexec', root), { kind: 'harness', message: why });
    await makeTree(root, {
      'sbin/kexec': makeElf32(['libc.so.6'], { interpreter: LOADER }),
      'lib/ld-linux.so.2': makeElf32([]),
      'lib64/libc.so.6': makeElf32([]),
      'usr/lib/x86_64-linux-gnu/libc.so.6': makeElf32([]),
      'lib/i386-linux-gnu/libc.so.6.1': makeElf32([]),
    });
    await refused(/its library libc\.so\.6 is not in the packages/);
    await makeTree(root, {
      'usr/lib/libc.so.6': Buffer.from('\x7fELF\x02\x01\x01'.padEnd(2048, '\0'), 'latin1'),
    });
    await refused(/its library \/usr\/lib\/libc\.so\.6 is not an i386 one/);
    await makeTree(root, { 'lib/i386-linux-gnu/libc.so.6': makeElf32([]) });
    const { libraries } = await readTreeProgram('kexec', root);
    t.strictSame(libraries, ['/lib/i386-linux-gnu/libc.so.6', LOADER], 'multiarch goes first');
  },
);

void t.test('a static program brings nothing else', async (t) => {
  const root = t.testdir();
  await makeTree(root, { 'bin/busybox': makeElf32([]), 'usr/bin/busybox': KEXEC });
  const { libraries, path } = await readTreeProgram('busybox', root);
  t.strictSame(libraries, []);
  t.equal(path, `${root}/bin/busybox`);
  await t.rejects(readTreeProgram('../bin/busybox', root), /the packages do not have it/);
});
