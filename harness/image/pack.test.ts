import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { listNewc } from './newc.js';
import { packEntries, type StagedEntry } from './pack.js';
import { hostLacksPrograms } from '../testing/host.js';

const entries: StagedEntry[] = [
  { entry: { kind: 'dir', path: 'd', mode: 0o1777 } },
  { entry: { kind: 'dir', path: 'd/e', mode: 0o755 } },
  {
    entry: { kind: 'file', path: 'd/e/f', mode: 0o755, source: { from: 'kernel' } },
    bytes: Buffer.from('hello'),
  },
  {
    entry: { kind: 'file', path: 'init', mode: 0o644, source: { from: 'kernel' } },
    bytes: Buffer.alloc(0),
  },
];

function stage(dir: string, name = 'stage'): string {
  mkdirSync(join(dir, name));
  return join(dir, name);
}

function fakeCpio(dir: string, script: string): string {
  const path = join(dir, 'cpio');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

void t.test('packs what it is given, whatever the umask', { skip: hostLacksPrograms() }, async (t) => {
  const dir = t.testdir({});
  const first = await packEntries(entries, stage(dir, 'one'), { cpio: 'cpio' });
  const before = process.umask(0o077);
  t.teardown(() => process.umask(before));
  const second = await packEntries(entries, stage(dir, 'two'), { cpio: 'cpio' });
  t.ok(first.equals(second));
  t.same(
    listNewc(first).map(({ path, mode, size }) => [path, mode.toString(8), size]),
    [
      ['d', '41777', 0],
      ['d/e', '40755', 0],
      ['d/e/f', '100755', 5],
      ['init', '100644', 0],
    ],
  );
});

void t.test('no header field tells about this host', { skip: hostLacksPrograms() }, async (t) => {
  const archive = await packEntries(entries, stage(t.testdir({})), { cpio: 'cpio' });
  for (const { headerAt, path } of listNewc(archive)) {
    const fields = Array.from({ length: 13 }, (_, index) => {
      const at = headerAt + 6 + index * 8;
      return Number.parseInt(archive.toString('latin1', at, at + 8), 16);
    });
    const [ino = Number.NaN, , uid, gid, nlink, mtime, , major, minor, rmajor, rminor] = fields;
    t.ok(ino <= entries.length, `${path}: renumbered inode`);
    t.same([uid, gid, mtime, major, minor, rmajor, rminor], [0, 0, 0, 0, 0, 0, 0], path);
    t.equal(nlink, path.startsWith('d') && path !== 'd/e/f' ? 2 : 1, `${path}: links`);
  }
});

void t.test(
  'a cpio that leaves something out is caught, although it exits 0',
  { skip: hostLacksPrograms() },
  async (t) => {
    const dir = t.testdir({});
    const cpio = fakeCpio(dir, `printf 'd\\0' | cpio "$@"`);
    await t.rejects(packEntries(entries, stage(dir), { cpio }), {
      name: 'Fault',
      message: /it wrote 1 of 4 entries/,
    });
  },
);

void t.test('a cpio that changes contents is caught', { skip: hostLacksPrograms() }, async (t) => {
  const dir = t.testdir({});
  const cpio = fakeCpio(dir, 'echo HELLO > d/e/f; cpio "$@"');
  await t.rejects(packEntries(entries, stage(dir), { cpio }), { message: /its entry for d\/e\/f differs/ });
});

void t.test('another cpio is refused with its own complaint', async (t) => {
  const dir = t.testdir({});
  const cpio = fakeCpio(dir, 'echo "cpio: unrecognized option --reproducible" >&2; exit 1');
  await t.rejects(packEntries(entries, stage(dir), { cpio }), {
    name: 'Fault',
    kind: 'harness',
    message:
      /^cannot pack a guest image with ".*cpio": cpio: unrecognized option --reproducible; use GNU cpio/,
  });
});

void t.test('output that is no archive is refused', async (t) => {
  const dir = t.testdir({});
  const cpio = fakeCpio(dir, 'echo nonsense');
  await t.rejects(packEntries(entries, stage(dir), { cpio }), { message: /did not write a newc archive/ });
});

void t.test('an abort ends a cpio that hangs', async (t) => {
  const dir = t.testdir({});
  const cpio = fakeCpio(dir, 'exec sleep 60');
  const controller = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 200);
  await t.rejects(packEntries(entries, stage(dir), { cpio, signal: controller.signal }), reason);
});

void t.test('damaged archives are named by offset', async (t) => {
  t.throws(() => listNewc(Buffer.alloc(0)), { message: /no newc header at byte 0/ });
  const header = `070701${'0'.repeat(8 * 6)}7FFFFFFF${'0'.repeat(8 * 4)}00000002${'0'.repeat(8)}`;
  t.throws(() => listNewc(Buffer.from(`${header}a\0`)), { message: /entry at byte 0 is cut off/ });
  t.throws(() => listNewc(Buffer.from(`${header.replace('7FFFFFFF', '-7FFFFFF')}a\0`)), {
    message: /bad number/,
  });
});
