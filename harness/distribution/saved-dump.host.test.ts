import { existsSync } from 'node:fs';
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import which from 'which';
import { SYSTEM_DISK } from '../plan/guest-spec.js';
import { dump, flattened } from '../testing/builders/kdumps.js';
import { scratch } from '../testing/files.js';
import { debugfs, makeRunDisk, removeRunDisk } from './run-disk.js';
import { savedDump } from './saved-dump.js';

const missing = ['mke2fs', 'debugfs', 'e2fsck', 'makedumpfile'].filter(
  (program) =>
    which.sync(program, { nothrow: true, path: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }) === null,
);
const skip = missing.length === 0 ? false : `${missing.join(', ')} not installed`;
const NONCE = 'cp-made';
const WHOLE = flattened([[0, dump({ nodename: NONCE, release: '6.1.0-56-amd64' })]]);

/** A run directory whose disk holds these files. */
async function diskOf(t: Test, files: Readonly<Record<string, Buffer>>): Promise<string> {
  const directory = await scratch(t);
  const tree = join(directory, 'tree');
  await mkdir(join(tree, 'etc/systemd/system'), { recursive: true });
  await mkdir(join(tree, 'usr/lib'), { recursive: true });
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), bytes);
  }
  const disk = join(directory, SYSTEM_DISK);
  await execa('mke2fs', ['-q', '-t', 'ext4', '-d', tree, disk, '16M'], {
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
  return directory;
}

const found = async (directory: string) => savedDump({ directory, memoryMiB: 64, nonce: NONCE });

void t.test('a whole dump is found, kept, and given to makedumpfile', { skip }, async (t) => {
  const directory = await diskOf(t, {
    'var/crash/202601010000/dump.202601010000': Buffer.from('an older one'),
    'var/crash/202611281020/dump.202611281020': WHOLE,
    'var/crash/kexec_cmd': Buffer.from('x'),
  });
  const [fact, kept] = await found(directory);
  t.match(fact, {
    state: 'whole',
    path: '/var/crash/202611281020/dump.202611281020',
    nodename: NONCE,
    release: '6.1.0-56-amd64',
    opened: { failed: /makedumpfile/ },
  });
  t.match(kept, { fact: 'vmcore-kept', source: 'distribution', pages: 2, level: 31 });
  t.strictSame(
    await readFile(join(directory, 'vmcore')),
    dump({ nodename: NONCE, release: '6.1.0-56-amd64' }),
  );
  t.notOk(existsSync(join(directory, 'vmcore.part')));
});

void t.test('dumps that are none', { skip }, async (t) => {
  const state = async (files: Readonly<Record<string, Buffer>>) => {
    const directory = await diskOf(t, files);
    const [fact, ...more] = await found(directory);
    t.strictSame(more, [], 'nothing is kept');
    t.notOk(existsSync(join(directory, 'vmcore')));
    return fact?.fact === 'saved-dump' ? `${fact.state}: ${fact.why}` : fact?.fact;
  };
  const dir = 'var/crash/202611281020';
  t.match(
    await state({ [`${dir}/dump.202611281020`]: WHOLE.subarray(0, -40) }),
    /^damaged: it was not written to its end/,
  );
  const flipped = Buffer.from(WHOLE);
  flipped.write('X', 4096 + 16, 'latin1');
  t.match(await state({ [`${dir}/dump.202611281020`]: flipped }), /^damaged: it has no signature of kdump/);
  t.match(await state({ [`${dir}/dump.202611281020`]: Buffer.alloc(0) }), /^damaged: /);
  t.match(await state({ [`${dir}/dump-incomplete`]: WHOLE }), /^unfinished: /);
  t.match(await state({ [`${dir}/dmesg.202611281020`]: WHOLE }), /^missing: no dump in /);
  t.match(await state({ 'var/crash/kexec_cmd': WHOLE }), /^missing: .* holds no directory/);
  t.match(await state({ 'etc/x': WHOLE }), /^missing: /);
});

void t.test(
  'a file that claims to be larger than the memory, and a disk that is none',
  { skip },
  async (t) => {
    const directory = await diskOf(t, { 'var/crash/202611281020/dump.202611281020': WHOLE });
    const put = ['set_inode_field', '/var/crash/202611281020/dump.202611281020', 'size', String(2 ** 40)];
    await debugfs(['-w', '-R', put.join(' '), SYSTEM_DISK], directory);
    const [large] = await found(directory);
    t.match(large, { state: 'damaged', why: /more than the memory/ });
    await truncate(join(directory, SYSTEM_DISK), 0);
    const [none] = await found(directory);
    t.match(none, { state: 'unread', why: /e2fsck cannot read the disk/ });
  },
);

void t.test("the disk of a run is a copy with crashpath's unit in it", { skip }, async (t) => {
  const source = await diskOf(t, { 'etc/hostname': Buffer.from('debian\n') });
  const disk = join(source, SYSTEM_DISK);
  const before = await readFile(disk);
  const distribution = {
    spec: 'debian:12',
    key: '0'.repeat(16),
    disk,
    diskBytes: before.length,
    initrd: '/x',
    packages: {},
  };
  const directory = await scratch(t);
  await makeRunDisk(distribution, directory);
  t.strictSame(await readFile(disk), before, 'the distribution is not written to');
  const unit = await debugfs(['-R', 'cat /etc/systemd/system/crashpath.service', SYSTEM_DISK], directory);
  t.match(unit, { ok: true, stdout: /ExecStart=\/bin\/sh \/usr\/lib\/crashpath\/distribution/ });
  await removeRunDisk(directory);
  t.notOk(existsSync(join(directory, SYSTEM_DISK)));
  await writeFile(disk, 'no file system');
  await t.rejects(makeRunDisk(distribution, directory), {
    kind: 'harness',
    message: /cannot make the disk of debian:12/,
  });
});
