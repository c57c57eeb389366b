import { randomUUID } from 'node:crypto';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import t from 'tap';
import { findQemu } from './ask-qemu.js';
import { findPdeathsigSetpriv } from './parent-death.js';
import { EXIT_SUM_RIGHT } from './probe-guest.js';
import { KILL_GRACE_MS, runProbeGuest } from './run-probe-guest.js';

const ENDLESS_TURNS = 10 ** 14;

/** Number of processes whose command line holds a word. */
async function processesNamed(word: string): Promise<number> {
  let count = 0;
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const commandLine = await readFile(`/proc/${entry}/cmdline`, 'latin1').catch(() => '');
    if (commandLine.includes(word)) count += 1;
  }
  return count;
}

async function until(condition: () => Promise<boolean>, deadlineMs: number): Promise<boolean> {
  for (const endMs = Date.now() + deadlineMs; Date.now() < endMs; await sleep(20)) {
    if (await condition()) return true;
  }
  return false;
}

const uniqueName = (): string => `crashpath-probe-${randomUUID()}`;

void t.test('a guest that ends is timed from its mark', async (t) => {
  const run = await runProbeGuest({
    qemuPath: await findQemu('qemu-system-x86_64'),
    accel: 'tcg',
    turns: 50_000_000,
    deadlineMs: 30_000,
  });
  t.match(run, { end: 'exited', exitCode: EXIT_SUM_RIGHT, workMs: Number });
  t.ok(run.end === 'exited' && (run.workMs ?? 0) > 0 && (run.workMs ?? 0) < run.tookMs);
});

void t.test('a guest with too much work is ended at the deadline and leaves no process', async (t) => {
  const name = uniqueName();
  const running = runProbeGuest({
    qemuPath: await findQemu('qemu-system-x86_64'),
    accel: 'tcg',
    turns: ENDLESS_TURNS,
    deadlineMs: 1500,
    name,
  });
  t.ok(await until(async () => (await processesNamed(name)) > 0, 1400), 'it was there');
  t.match(await running, { end: 'deadline', started: true });
  t.equal(await processesNamed(name), 0);
});

void t.test('a QEMU that ignores SIGTERM is killed with its children', async (t) => {
  const name = uniqueName();
  const qemuPath = path.join(t.testdir(), 'stubborn');
  await writeFile(qemuPath, `#!/bin/sh\ntrap '' TERM\nsleep 1000 & sh -c 'sleep 1001; :' ${name}\n`);
  await chmod(qemuPath, 0o755);
  const run = await runProbeGuest({ qemuPath, accel: 'kvm', turns: 1, deadlineMs: 500, name });
  t.match(run, { end: 'deadline', started: false });
  t.ok(run.tookMs < 500 + KILL_GRACE_MS + 500, `took ${run.tookMs} ms`);
  t.equal(await processesNamed(name), 0);
});

void t.test('a QEMU that prints without end is no proof and does not fill the memory', async (t) => {
  const qemuPath = path.join(t.testdir(), 'chatty');
  await writeFile(qemuPath, '#!/bin/sh\nexec yes SSSSSSSS\n');
  await chmod(qemuPath, 0o755);
  const run = await runProbeGuest({ qemuPath, accel: 'kvm', turns: 1, deadlineMs: 5000 });
  t.equal(run.end, 'broken');
});

void t.test('abort ends the guest and throws its reason', async (t) => {
  const name = uniqueName();
  const reason = new Error('enough');
  const controller = new AbortController();
  const running = runProbeGuest({
    qemuPath: await findQemu('qemu-system-x86_64'),
    accel: 'tcg',
    turns: ENDLESS_TURNS,
    deadlineMs: 60_000,
    signal: controller.signal,
    name,
  });
  t.ok(await until(async () => (await processesNamed(name)) > 0, 5000), 'it was there');
  controller.abort(reason);
  await t.rejects(running, reason);
  t.equal(await processesNamed(name), 0);
});

void t.test('the guest dies with a harness that is killed', async (t) => {
  if ((await findPdeathsigSetpriv()) === undefined) {
    t.comment('no setpriv with --pdeathsig here: nothing to test');
    return;
  }
  const name = uniqueName();
  const module = new URL('./run-probe-guest.js', import.meta.url).href;
  const options = {
    qemuPath: await findQemu('qemu-system-x86_64'),
    accel: 'tcg',
    turns: ENDLESS_TURNS,
    deadlineMs: 60_000,
    name,
  };
  // The options go by the environment, so that only QEMU carries the name on its command line.
  const script = `const { runProbeGuest } = await import('${module}');
    await runProbeGuest(JSON.parse(process.env.PROBE_OPTIONS));`;
  const harness = execa(process.execPath, ['--input-type=module', '-e', script], {
    reject: false,
    env: { PROBE_OPTIONS: JSON.stringify(options), TMPDIR: t.testdir() },
  });
  t.ok(await until(async () => (await processesNamed(name)) > 0, 10_000), 'it was there');
  harness.kill('SIGKILL');
  await harness;
  t.ok(await until(async () => (await processesNamed(name)) === 0, 5000), 'it is gone');
});
