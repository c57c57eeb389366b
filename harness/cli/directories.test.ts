import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { madeHost, runWords } from '../testing/builders/command-host.js';
import { type Ended } from '../testing/crashpath-command.js';
import { treeOf } from '../testing/files.js';

// Many commands, one after the other.
t.setTimeout(600_000);

/** One line, with the exit code and the words that are wanted. */
function oneLine(t: Test, ended: Ended, exitCode: number, says: RegExp): void {
  t.equal(ended.exitCode, exitCode);
  t.equal(ended.stdout, '');
  const last = ended.stderr.trimEnd().split('\n').at(-1) ?? '';
  t.match(last, /^crashpath: cannot .+; .+$/);
  t.match(last, says);
  t.equal(ended.stderr.split('\n').filter((line) => line.startsWith('crashpath:')).length, 1);
  t.notMatch(ended.stderr, /^ +at /m, 'no stack');
}

/** A file system of that size, gone with the test; undefined where mount(8) may not be used. */
async function smallDisk(t: Test, sizeKiB: number): Promise<string | undefined> {
  // Not in the test's directory: that is removed before the test's own teardown.
  const directory = await mkdtemp(join(tmpdir(), 'crashpath-small-disk-'));
  const mounted = await execa('mount', ['-t', 'tmpfs', '-o', `size=${sizeKiB}k`, 'tmpfs', directory], {
    reject: false,
  });
  t.teardown(async () => {
    if (!mounted.failed) await execa('umount', ['--lazy', directory]);
    await rm(directory, { recursive: true });
  });
  return mounted.failed ? undefined : directory;
}

t.test('an output directory that is not ours', async (t) => {
  const host = await madeHost(t);
  await mkdir(join(host.here, 'theirs'));
  await writeFile(join(host.here, 'theirs/thesis.tex'), 'years of work');
  const ended = await host.crashpath(runWords(host, '--out', 'theirs'));
  oneLine(t, ended, 64, /it holds files that are not crashpath's; choose an empty or new --out/);
  t.strictSame(await treeOf(join(host.here, 'theirs')), ['thesis.tex']);

  await mkdir(join(host.here, 'newer'));
  await writeFile(join(host.here, 'newer/.crashpath-store.json'), '{"schema": 2}');
  const newer = await host.crashpath(runWords(host, '--out', 'newer'));
  oneLine(t, newer, 64, /it has schema 2, this crashpath writes 1; choose a new --out/);

  await writeFile(join(host.here, 'file'), '');
  const file = await host.crashpath(runWords(host, '--out', 'file'));
  oneLine(t, file, 3, /file": a part of the path is not a directory/);
  const below = await host.crashpath(runWords(host, '--out', 'file/runs'));
  oneLine(t, below, 3, /file\/runs": a part of the path is not a directory/);
  t.strictSame(await treeOf(host.cache), [], 'known before anything was built');
});

t.test('an output directory on a full disk', async (t) => {
  const host = await madeHost(t);
  const disk = await smallDisk(t, 16);
  if (disk === undefined)
    return void t.pass('not tried', { skip: 'a full disk takes a mount, and that takes root' });
  await execa('dd', ['if=/dev/zero', `of=${disk}/filler`, 'bs=4096'], { reject: false });
  const ended = await host.crashpath(runWords(host, '--out', join(disk, 'runs')));
  oneLine(t, ended, 3, /the disk is full \(ENOSPC\); free some space or choose another --out/);
  t.notOk(
    (await treeOf(disk)).some((name) => name.endsWith('.json')),
    'no torn file',
  );
});

t.test('a disk that is full before all plans are written', async (t) => {
  const host = await madeHost(t);
  const disk = await smallDisk(t, 64);
  if (disk === undefined)
    return void t.pass('not tried', { skip: 'a full disk takes a mount, and that takes root' });
  const ended = await host.crashpath(
    runWords(host, '--out', join(disk, 'runs'), '--name', 'c', '--repeat', '500'),
  );
  oneLine(t, ended, 3, /campaign\.json": the disk is full \(ENOSPC\)/);
  t.strictSame(await treeOf(disk), ['runs', 'runs/.crashpath-store.json'], 'no half of a campaign');
});

t.test('a cache that cannot be used', async (t) => {
  const host = await madeHost(t);
  const file = join(host.here, 'file');
  await writeFile(file, '');
  for (const cache of [file, join(file, 'cache')]) {
    const ended = await host.crashpath(runWords(host), { CRASHPATH_CACHE: cache });
    oneLine(t, ended, 3, /cache ".*file.*": a part of the path is not a directory .*set CRASHPATH_CACHE/);
  }
  t.strictSame(await treeOf(host.here), ['file'], 'no run directory');

  const disk = await smallDisk(t, 256);
  if (disk === undefined)
    return void t.pass('not tried', { skip: 'a full disk takes a mount, and that takes root' });
  const full = await host.crashpath(runWords(host), { CRASHPATH_CACHE: join(disk, 'cache') });
  oneLine(t, full, 3, /image cache ".*cache": the disk is full \(ENOSPC\); make room or set CRASHPATH_CACHE/);
  t.strictSame(
    (await treeOf(disk)).filter((name) => !['cache', 'cache/tmp', 'cache/images'].includes(name)),
    [],
    'nothing half-made',
  );
  t.strictSame(await treeOf(host.here), ['file'], 'no run directory');
});

t.test('places in /proc, where making a directory would never end', async (t) => {
  const host = await madeHost(t);
  for (const words of [runWords(host), ['kernel', 'list'], ['image', 'list'], ['doctor']]) {
    const ended = await host.crashpath(words, { CRASHPATH_CACHE: '/proc/crashpath/cache' });
    oneLine(t, ended, 3, /no directory can be made in \/proc; set CRASHPATH_CACHE/);
  }
  oneLine(t, await host.crashpath(runWords(host, '--out', '/proc/x')), 64, /choose another --out/);
  oneLine(t, await host.crashpath(runWords(host, '--out', '/dev/fd/x')), 64, /choose another --out/);
  const sys = await host.crashpath(runWords(host, '--out', '/sys/crashpath'));
  oneLine(
    t,
    sys,
    3,
    /cannot use the output directory "\/sys\/crashpath": (operation not permitted|permission denied|the file system is read-only)/,
  );
});

t.test('the cache of the user, when none is named', async (t) => {
  const host = await madeHost(t);
  const none = { CRASHPATH_CACHE: '' };
  const xdg = await host.crashpath(['kernel', 'list'], { ...none, XDG_CACHE_HOME: join(host.here, 'xdg') });
  t.equal(xdg.stderr, `no kernels in ${host.here}/xdg/crashpath\n`);
  const home = await host.crashpath(['kernel', 'list'], { ...none, XDG_CACHE_HOME: '', HOME: host.here });
  t.equal(home.stderr, `no kernels in ${host.here}/.cache/crashpath\n`);
  t.strictSame(await treeOf(host.here), [], 'looking makes nothing');
});
