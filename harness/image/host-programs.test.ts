import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { inspectElf } from '../symbols/elf.js';
import { parseLdd, readProgram } from './host-programs.js';
import { testModule } from '../testing/builders/image-inputs.js';
import { hostLacksPrograms } from '../testing/host.js';

const programs = {
  busybox: { package: 'busybox-static', linkage: 'static' },
  kexec: { package: 'kexec-tools', linkage: 'any' },
} as const;

void t.test('ldd: libraries, loader, vDSO and what is missing', async (t) => {
  const text = [
    '\tlinux-vdso.so.1 (0x00007ffd0000)',
    '\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f00)',
    '\tliblzma.so.5 => /usr/lib/../lib/liblzma.so.5 (0x00007f01)',
    '\tlibgone.so.1 => not found',
    '\t/lib64/ld-linux-x86-64.so.2 (0x00007f02)',
  ].join('\n');
  t.same(parseLdd(text), {
    libraries: ['/lib/x86_64-linux-gnu/libc.so.6', '/usr/lib/liblzma.so.5', '/lib64/ld-linux-x86-64.so.2'],
    missing: ['libgone.so.1'],
  });
  t.same(parseLdd('\tnot a dynamic executable\n'), { libraries: [], missing: [] });
});

void t.test('ELF heads: damage is not an ELF file', async (t) => {
  const good = testModule('x').bytes;
  t.match(inspectElf(good), { bits: 64, machine: 62, type: 1 });
  t.equal(inspectElf(Buffer.from('#!/bin/sh\n'.repeat(10))), undefined);
  t.equal(inspectElf(good.subarray(0, 40)), undefined);
  const outside = Buffer.from(good);
  outside.writeBigUInt64LE(1n << 40n, 32);
  outside.writeUInt16LE(56, 54);
  outside.writeUInt16LE(3, 56);
  t.equal(inspectElf(outside), undefined);
});

void t.test('a missing program names its Debian package', async (t) => {
  const searchPath = t.testdir({});
  await t.rejects(readProgram('busybox', programs, { searchPath }), {
    name: 'Fault',
    kind: 'harness',
    message: /^cannot find program "busybox": it is not installed; run: apt-get install busybox-static$/,
  });
  await t.rejects(readProgram('kexec', programs, { searchPath }), {
    message: /apt-get install kexec-tools$/,
  });
});

void t.test('a busybox with a loader is refused, because the image brings no libraries for it', async (t) => {
  const searchPath = t.testdir({});
  copyFileSync(process.execPath, join(searchPath, 'busybox'));
  chmodSync(join(searchPath, 'busybox'), 0o755);
  await t.rejects(readProgram('busybox', programs, { searchPath }), {
    name: 'Fault',
    message: /dynamically linked \(loader \/.*\); run: apt-get install busybox-static/,
  });
});

void t.test('a script in place of a program is refused', async (t) => {
  const searchPath = t.testdir({ kexec: '#!/bin/sh\nexit 0\n' });
  chmodSync(join(searchPath, 'kexec'), 0o755);
  await t.rejects(readProgram('kexec', programs, { searchPath }), { message: /not an x86-64 ELF program/ });
});

void t.test(
  'kexec comes with its loader and libraries, through a symlink too',
  { skip: hostLacksPrograms() },
  async (t) => {
    const direct = await readProgram('kexec', programs, {});
    t.ok(direct.libraries.some((path) => path.endsWith('/libc.so.6')));
    const loader = inspectElf(direct.bytes)?.interpreter;
    t.ok(loader !== undefined && direct.libraries.includes(loader), 'the loader lies at its PT_INTERP path');
    const searchPath = t.testdir({});
    symlinkSync(direct.path, join(searchPath, 'kexec'));
    const linked = await readProgram('kexec', programs, { searchPath });
    t.same(linked.bytes, direct.bytes);
    t.same(linked.libraries, direct.libraries);
  },
);

void t.test('an aborted look-up rejects with the reason', { skip: hostLacksPrograms() }, async (t) => {
  const reason = new Error('enough');
  await t.rejects(readProgram('kexec', programs, { signal: AbortSignal.abort(reason) }), reason);
});

void t.test(
  'a program that cannot be read says why',
  { skip: process.getuid?.() === 0 && 'root reads all' },
  async (t) => {
    const path = join(t.testdir({}), 'bin', 'kexec');
    mkdirSync(dirname(path));
    writeFileSync(path, 'x', { mode: 0o111 });
    await t.rejects(readProgram('kexec', programs, { searchPath: dirname(path) }), { message: /EACCES/ });
  },
);
