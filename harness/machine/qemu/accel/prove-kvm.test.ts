import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { EXIT_SUM_RIGHT, EXIT_SUM_WRONG } from './probe-guest.js';
import { deviceProblem, judgeKvm, WORK_LIMIT_WITHOUT_TCG_MS } from './prove-kvm.js';
import type { ProbeRun } from './run-probe-guest.js';

const ended = (exitCode: number, workMs?: number): ProbeRun => ({
  end: 'exited',
  exitCode,
  tookMs: 900,
  stderr: '',
  ...(workMs === undefined ? {} : { workMs }),
});

void t.test('only the right sum, faster than under TCG, proves KVM', async (t) => {
  t.match(judgeKvm(ended(EXIT_SUM_RIGHT, 50), 400), { outcome: 'proved', workMs: 50, tookMs: 900 });
  t.match(judgeKvm(ended(EXIT_SUM_RIGHT, 399), 400), { outcome: 'proved' });
  t.match(judgeKvm(ended(EXIT_SUM_RIGHT, 400), 400), { outcome: 'too-slow', ended: true });
  t.match(judgeKvm(ended(EXIT_SUM_WRONG, 50), 400), { outcome: 'failed', detail: /counted wrong/ });
  t.match(judgeKvm(ended(EXIT_SUM_RIGHT), 400), { outcome: 'failed', detail: /without its mark/ });
  t.match(judgeKvm(ended(0, 50), 400), { outcome: 'failed', detail: /status 0 where 85/ });
});

void t.test('without a TCG time the count has a limit of its own', async (t) => {
  t.match(judgeKvm(ended(EXIT_SUM_RIGHT, WORK_LIMIT_WITHOUT_TCG_MS), undefined), { outcome: 'proved' });
  const above = ended(EXIT_SUM_RIGHT, WORK_LIMIT_WITHOUT_TCG_MS + 1);
  t.match(judgeKvm(above, undefined), { outcome: 'too-slow' });
  t.match(judgeKvm(above, undefined, 2), { outcome: 'proved' }, 'a slow host');
  t.match(judgeKvm(above, WORK_LIMIT_WITHOUT_TCG_MS, 2), { outcome: 'too-slow' }, 'TCG was faster');
});

void t.test('killed guests are distinguished by whether they began', async (t) => {
  const killed = { end: 'deadline', tookMs: 2500, stderr: '' } as const;
  t.match(judgeKvm({ ...killed, started: true }, 400), {
    outcome: 'too-slow',
    ended: false,
    detail: /began/,
  });
  t.match(judgeKvm({ ...killed, started: false }, 400), { outcome: 'too-slow', detail: /did not begin/ });
  const waiting = judgeKvm({ ...killed, started: true, waitedMs: 1900 }, 400);
  t.match(waiting, { waitedMs: 1900, detail: /within 2500 ms \(1900 ms without a CPU\), under TCG/ });
  const broken = { end: 'broken', why: 'killed by SIGSEGV', tookMs: 3, stderr: '' } as const;
  t.match(judgeKvm(broken, 400), { outcome: 'failed', detail: /SIGSEGV/ });
});

void t.test('a device is absent, forbidden or usable', async (t) => {
  const folder = t.testdir();
  const device = path.join(folder, 'kvm');
  t.match(await deviceProblem(device), { outcome: 'no-device', tried: false, detail: /does not exist/ });
  t.match(await deviceProblem(folder), { outcome: 'no-device', detail: /EISDIR/ });
  await writeFile(device, '');
  t.equal(await deviceProblem(device), undefined);
  await chmod(device, 0o400);
  // root can open anything: become the user nobody for a moment
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) {
    await chmod(device, 0o000);
    process.seteuid?.(65534);
  }
  try {
    t.match(await deviceProblem(device), { outcome: 'no-permission', tried: false, detail: /EACCES/ });
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});
