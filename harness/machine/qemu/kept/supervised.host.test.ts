import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { endGuest, keepGuest, keptGuests, statusOf } from '../../../kept/kept-guests.js';
import { scratch } from '../../../testing/files.js';
import { startSupervised } from './supervised.js';

/** Stands for QEMU: it lives until it is ended. */
const SLEEP = ['3600'];

async function isThere(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return stat !== '' && !/^\d+ \(.*\) Z/s.test(stat);
}

async function ends(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100 && (await isThere(pid)); tries += 1) await sleep(50);
  return !(await isThere(pid));
}

void t.test('a QEMU that is stopped, and one that ends by itself', async (t) => {
  const cwd = await scratch(t);
  const qemu = await startSupervised('sleep', SLEEP, cwd);
  t.ok(await isThere(qemu.pid));
  t.match(await qemu.stop(), { signal: 'SIGTERM' });
  t.notOk(await isThere(qemu.pid));
  const failing = await startSupervised('sh', ['-c', 'echo broken >&2; exit 3'], cwd);
  t.match(await failing.exited, { code: 3, stderr: /broken/ });
  await t.rejects(startSupervised('no-such-qemu', [], cwd), { kind: 'harness', message: /no-such-qemu/ });
});

void t.test('a guest that is kept is listed, counted and ended', async (t) => {
  const cache = await scratch(t);
  const directory = await scratch(t);
  const qemu = await startSupervised('sleep', SLEEP, directory);
  t.equal(await statusOf(directory), undefined);
  const leave = (entry: string) => qemu.keep({ minutes: 5, files: [entry, join(directory, 'gdb.sock')] });
  await writeFile(join(directory, 'gdb.sock'), '');
  t.equal(await keepGuest(cache, { directory, memoryMiB: 64, most: 1 }, leave), undefined);
  const [guest, ...others] = await keptGuests(cache);
  t.match(guest, { directory, memoryMiB: 64, pid: qemu.pid });
  t.same(others, []);
  const left = guest?.leftMs ?? 0;
  t.ok(left > 4 * 60_000 && left <= 5 * 60_000, `${left} ms left`);
  const never = () => Promise.reject(new Error('there is no room'));
  t.equal(
    await keepGuest(cache, { directory, memoryMiB: 64, most: 1 }, never),
    '1 of 1 guests are up already',
  );
  t.match(await keepGuest(cache, { directory, memoryMiB: 1 << 30, most: 2 }, never), /MiB are the most/);
  await endGuest(directory);
  t.notOk(await isThere(qemu.pid));
  t.same(await keptGuests(cache), []);
  t.notOk(existsSync(join(directory, 'gdb.sock')));
  await t.rejects(endGuest(directory), { kind: 'harness', message: /cannot end the guest/ });
});

void t.test('a guest ends with its supervisor, even by SIGKILL', async (t) => {
  const cache = await scratch(t);
  const directory = await scratch(t);
  const qemu = await startSupervised('sleep', SLEEP, directory);
  await keepGuest(cache, { directory, memoryMiB: 64, most: 1 }, (entry) =>
    qemu.keep({ minutes: 5, files: [entry] }),
  );
  process.kill((await statusOf(directory))?.supervisor ?? 0, 'SIGKILL');
  t.ok(await ends(qemu.pid));
  t.same(await keptGuests(cache), [], 'what is left of it is removed');
});

void t.test('a guest ends when its run directory is removed', async (t) => {
  const cache = await scratch(t);
  const directory = await scratch(t);
  const qemu = await startSupervised('sleep', SLEEP, directory);
  const leave = (entry: string) => qemu.keep({ minutes: 5, files: [entry] });
  await keepGuest(cache, { directory, memoryMiB: 64, most: 1 }, leave);
  await rm(directory, { recursive: true });
  t.same(await keptGuests(cache), []);
  t.ok(await ends(qemu.pid));
});

/** A crashpath that starts a guest, keeps it when it has an entry to write, and is killed or ends. */
const CRASHPATH = `
  const [directory, keeps] = process.argv.slice(1);
  const { startSupervised } = await import(${JSON.stringify(new URL('./supervised.js', import.meta.url).href)});
  const qemu = await startSupervised('sleep', ['3600'], directory);
  if (keeps === 'yes') await qemu.keep({ minutes: Number(process.env.MINUTES), files: [] });
  console.log(qemu.pid);
  if (keeps !== 'yes') setInterval(() => undefined, 1000);
`;

async function startCrashpath(directory: string, keeps: boolean, minutes = 5) {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', CRASHPATH, directory, keeps ? 'yes' : 'no'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, MINUTES: String(minutes) },
    },
  );
  const [line] = await once(child.stdout, 'data');
  return { child, pid: Number(String(line)) };
}

void t.test('a crashpath that is killed leaves nothing behind', async (t) => {
  const { child, pid } = await startCrashpath(await scratch(t), false);
  t.ok(await isThere(pid));
  child.kill('SIGKILL');
  t.ok(await ends(pid));
});

void t.test('a kept guest outlives crashpath, and ends when its time is over', async (t) => {
  const directory = await scratch(t);
  const { child, pid } = await startCrashpath(directory, true, 0.05);
  if (child.exitCode === null) await once(child, 'exit');
  t.ok(await isThere(pid));
  t.match(await statusOf(directory), { pid });
  t.ok(await ends(pid));
});
