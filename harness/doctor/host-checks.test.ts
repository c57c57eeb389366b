import { chmod, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import {
  checkCacheWritable,
  checkDisk,
  checkMemory,
  checkNode,
  DISK_FAIL_BYTES,
  DISK_WARN_BYTES,
  judgeDisk,
  judgeMemory,
  parseMemAvailableMib,
} from './host-checks.js';

void t.test('Node versions', async (t) => {
  t.match(checkNode('20.19.0'), { status: 'ok' });
  t.match(checkNode('22.0.0'), { status: 'ok' });
  t.match(checkNode('20.18.9'), { status: 'fail', remedy: /20\.19/ });
  t.match(checkNode('18.20.0'), { status: 'fail' });
});

void t.test('memory for the guests', async (t) => {
  const meminfo = 'MemTotal:       24650000 kB\nMemFree:          100 kB\nMemAvailable:    1572864 kB\n';
  t.equal(parseMemAvailableMib(meminfo), 1536);
  t.equal(parseMemAvailableMib('MemFree:    1572864 kB\n'), undefined);
  t.match(judgeMemory(1536, 2), { status: 'ok' });
  t.match(judgeMemory(1535, 2), {
    status: 'warn',
    remedy: 'run 1 guest at a time (--jobs 1), or free memory',
  });
  t.match(judgeMemory(768, 1), { status: 'ok' });
  t.match(judgeMemory(767, 1), { status: 'fail', remedy: /memory/ });
  t.match(judgeMemory(undefined, 1), { status: 'warn', remedy: /768 MiB/ });
  t.match(await checkMemory(1_000_000), { found: /^\d+ MiB available/, remedy: /guests?|memory/ });
});

void t.test('free disk', async (t) => {
  t.match(judgeDisk('d', '/x', DISK_WARN_BYTES), { status: 'ok' });
  t.match(judgeDisk('d', '/x', DISK_WARN_BYTES - 1), { status: 'warn', remedy: /2048 MiB/ });
  t.match(judgeDisk('d', '/x', DISK_FAIL_BYTES), { status: 'warn' });
  t.match(judgeDisk('d', '/x', DISK_FAIL_BYTES - 1), { status: 'fail', remedy: /2048 MiB/ });
  const folder = t.testdir();
  t.match(await checkDisk('d', path.join(folder, 'not', 'yet')), { found: / MiB free in / });
  t.same(await readdir(folder), [], 'looking creates nothing');
  await writeFile(path.join(folder, 'file'), '');
  t.match(await checkDisk('d', path.join(folder, 'file', 'below')), { status: 'fail', found: /ENOTDIR/ });
});

void t.test('a cache folder that can be written, or not', async (t) => {
  const folder = t.testdir({ 'read-only': {}, file: '' });
  const fresh = path.join(folder, 'new', 'cache');
  t.match(await checkCacheWritable(fresh), { status: 'ok' });
  t.same(await readdir(fresh), [], 'nothing is left in it');
  const below = path.join(folder, 'file', 'cache');
  t.match(await checkCacheWritable(below), {
    status: 'fail',
    found: /not writable/,
    remedy: /chown or chmod/,
  });
  const forbidden = path.join(folder, 'read-only');
  // root can write anywhere: become the user nobody for a moment, who does not own the folder
  const isRoot = process.geteuid?.() === 0;
  await chmod(forbidden, 0o555);
  if (isRoot) process.seteuid?.(65534);
  try {
    t.match(await checkCacheWritable(forbidden), { status: 'fail', found: /EACCES/, remedy: /chown/ });
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});
