import { mkdirSync, writeFileSync, chmodSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import which from 'which';
import { sha256Of } from '../cache/sha256.js';
import { listNewc } from '../testing/builders/newc-listing.js';
import { type ArchiveEntry, packNewc } from './newc.js';

const file = (path: string, bytes: Buffer, mode = 0o755): ArchiveEntry => ({
  entry: { kind: 'file', path, mode, source: { from: 'kernel' } },
  bytes,
});

const entries: ArchiveEntry[] = [
  { entry: { kind: 'dir', path: 'd', mode: 0o1777 } },
  { entry: { kind: 'dir', path: 'd/e', mode: 0o755 } },
  file('d/e/f', Buffer.from('hello')),
  file('init', Buffer.alloc(0), 0o644),
];

void t.test('packs what it is given', async (t) => {
  const archive = packNewc(entries);
  t.ok(archive.equals(packNewc(entries)));
  t.same(
    listNewc(archive).map(({ path, mode, size }) => [path, mode.toString(8), size]),
    [
      ['d', '41777', 0],
      ['d/e', '40755', 0],
      ['d/e/f', '100755', 5],
      ['init', '100644', 0],
    ],
  );
  const [, , hello] = listNewc(archive);
  t.equal(archive.toString('latin1', hello?.dataAt, (hello?.dataAt ?? 0) + 5), 'hello');
});

void t.test('no header field depends on this host', async (t) => {
  const archive = packNewc(entries);
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

/** Names and sizes of every remainder by 4, so that all padding occurs. */
const padded: ArchiveEntry[] = [
  ...entries,
  ...Array.from({ length: 12 }, (_, index) =>
    file(`${'x'.repeat(index + 1)}${index}`, Buffer.alloc(index, index)),
  ),
  file('z'.repeat(200), Buffer.alloc(70_000, 1)),
];

void t.test('the bytes are those that GNU cpio 2.13 wrote', async (t) => {
  t.equal(sha256Of(packNewc(padded)), 'cb12ced800d176f7c74a128410c336dfa57cbb38873fde86143947ff48621b63');
});

const cpio = which.sync('cpio', { nothrow: true });
void t.test('and those of the cpio of this host', { skip: cpio === null }, async (t) => {
  const dir = t.testdir({});
  for (const { entry, bytes } of padded) {
    if (entry.kind === 'dir') mkdirSync(join(dir, entry.path));
    else writeFileSync(join(dir, entry.path), bytes ?? '');
  }
  for (const { entry } of padded.toReversed()) {
    chmodSync(join(dir, entry.path), entry.mode);
    utimesSync(join(dir, entry.path), 0, 0);
  }
  const { stdout } = await execa(
    'cpio',
    ['--null', '-o', '-H', 'newc', '--quiet', '--reproducible', '--owner=0:0'],
    {
      cwd: dir,
      input: padded.map(({ entry }) => `${entry.path}\0`).join(''),
      encoding: 'buffer',
      stripFinalNewline: false,
    },
  );
  const theirs = Buffer.from(stdout);
  // The one field that cpio's flags leave to the host's file system.
  for (const { headerAt, mode } of listNewc(theirs)) {
    if ((mode & 0o040000) !== 0) theirs.write('00000002', headerAt + 6 + 4 * 8, 'latin1');
  }
  t.ok(packNewc(padded).equals(theirs));
});

void t.test('an image that no guest could unpack is refused', async (t) => {
  // The same bytes several times: nothing of that size is allocated.
  const big = Buffer.alloc(64 * 1024 * 1024);
  const many = Array.from({ length: 17 }, (_, index) => file(`f${index}`, big));
  t.throws(() => packNewc(many), { kind: 'harness', message: /^cannot pack a guest image of "\d+" bytes: / });
});
