import { copyFile, chmod, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { probeGuestElf } from '../machine/qemu/accel/probe-guest.js';
import { elfLinkage } from './elf-linkage.js';
import { checkBusybox, checkDumpReader, checkTools } from './tool-checks.js';

/** Debian links its shell dynamically. */
const DYNAMIC_PROGRAM = '/bin/sh';

void t.test('static and dynamic programs are distinguished by their headers', async (t) => {
  const dynamic = await readFile(DYNAMIC_PROGRAM);
  t.equal(elfLinkage(dynamic), 'dynamic');
  const fixed = probeGuestElf({ turns: 1 });
  t.equal(elfLinkage(fixed), 'static');
  const withInterpreter = Buffer.from(fixed);
  withInterpreter.writeUInt32LE(3, 64 + 56); // the note's type becomes PT_INTERP
  t.equal(elfLinkage(withInterpreter), 'dynamic');
});

void t.test('damaged headers are no program', async (t) => {
  const good = probeGuestElf({ turns: 1 });
  t.equal(elfLinkage(Buffer.alloc(0)), 'not-elf');
  t.equal(elfLinkage(Buffer.from('#!/bin/sh\n'.padEnd(100))), 'not-elf');
  t.equal(elfLinkage(good.subarray(0, 100)), 'not-elf', 'cut off in the program headers');
  const spoil = (change: (image: Buffer) => unknown): Buffer => {
    const image = Buffer.from(good);
    change(image);
    return image;
  };
  t.equal(elfLinkage(spoil((image) => image.writeUInt8(3, 4))), 'not-elf', 'unknown class');
  t.equal(elfLinkage(spoil((image) => image.writeUInt8(2, 5))), 'not-elf', 'big-endian');
  t.equal(elfLinkage(spoil((image) => image.writeBigUInt64LE(2n ** 63n, 32))), 'not-elf', 'headers far away');
  t.equal(elfLinkage(spoil((image) => image.writeUInt16LE(0, 56))), 'not-elf', 'no headers');
  t.equal(elfLinkage(spoil((image) => image.writeUInt16LE(0xffff, 56))), 'not-elf', 'too many headers');
});

void t.test('busybox must be a static program', async (t) => {
  const folder = t.testdir();
  const busybox = path.join(folder, 'busybox');
  t.match(await checkBusybox(folder), { status: 'fail', found: /not found/, remedy: /busybox-static/ });
  await copyFile(DYNAMIC_PROGRAM, busybox);
  await chmod(busybox, 0o755);
  t.match(await checkBusybox(folder), { status: 'fail', found: /dynamically/, remedy: /busybox-static/ });
  await writeFile(busybox, '#!/bin/sh\n');
  t.match(await checkBusybox(folder), { status: 'fail', found: /not an ELF/, remedy: /busybox-static/ });
  await writeFile(busybox, probeGuestElf({ turns: 1 }));
  t.match(await checkBusybox(folder), { status: 'ok', found: busybox });
});

void t.test('with an empty PATH every tool is missing, with its package', async (t) => {
  const checks = await checkTools(t.testdir());
  const packages = {
    busybox: 'busybox-static',
    kexec: 'kexec-tools',
    dropbear: 'dropbear-bin',
    makedumpfile: 'makedumpfile',
    gdb: 'gdb',
    xz: 'xz-utils',
    zstd: 'zstd',
    'dpkg-deb': 'dpkg',
    'apt-get': 'apt',
    setpriv: 'util-linux',
  };
  for (const [name, debianPackage] of Object.entries(packages)) {
    const check = checks.find((candidate) => candidate.name === name);
    t.match(check, { found: /^not found/, remedy: `apt-get install ${debianPackage})` }, name);
    t.equal(check?.status, ['busybox', 'kexec'].includes(name) ? 'fail' : 'warn', name);
  }
  t.equal(checks.length, 10);
});

void t.test('a setpriv without --pdeathsig is a warning', async (t) => {
  const folder = t.testdir();
  const setpriv = path.join(folder, 'setpriv');
  await writeFile(setpriv, '#!/bin/sh\necho "usage: setpriv [--nnp] PROG"\n');
  await chmod(setpriv, 0o755);
  const found = async () => (await checkTools(folder)).find((check) => check.name === 'setpriv');
  t.match(await found(), { status: 'warn', found: /does not know/, remedy: /util-linux/ });
  await writeFile(setpriv, '#!/bin/sh\necho " --pdeathsig keep|clear|<signame>"\n');
  t.match(await found(), { status: 'ok' });
  await symlink(path.join(folder, 'nowhere'), path.join(folder, 'kexec'));
  t.match(
    (await checkTools(folder)).find((check) => check.name === 'kexec'),
    { status: 'fail' },
  );
});

void t.test('a reader of dumps that is missing is a warning with its package', async (t) => {
  t.match(await checkDumpReader(path.join(t.testdir(), 'python3')), {
    name: 'libkdumpfile',
    status: 'warn',
    remedy: /apt-get install python3-libkdumpfile/,
  });
});
