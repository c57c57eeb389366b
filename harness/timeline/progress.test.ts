import t from 'tap';
import type { VcpuState } from '../model/event.js';
import type { Channel } from '../model/record.js';
import { createConsoleReader } from './console.js';
import { createProgressTracker, executesNewCode, isOpen, makesProgress, talks } from './progress.js';

const QUIET_MS = 30_000;
const LIMIT_MS = 180_000;

function made() {
  const tracker = createProgressTracker(QUIET_MS);
  const reader = createConsoleReader();
  const at = (ownMs: number, limitMs = LIMIT_MS) => tracker.at({ ownMs, wallMs: 2 * ownMs }, limitMs);
  /** Bytes as the timeline reports them: first the lines. */
  const hear = (channel: Channel, text: string, ownMs: number) => {
    if (channel === 'control' && text.endsWith('\n'))
      tracker.controlLine(text.includes('reply') ? 'reply' : 'capture-hello', ownMs);
    for (const line of channel === 'console' ? text.split('\n').slice(0, -1) : []) {
      reader.line(line);
      tracker.consoleLine(line, ownMs, reader);
    }
    tracker.heard(channel, Buffer.from(text), ownMs);
  };
  return { tracker, at, hear };
}

const vcpu = (rip: number, changes: Partial<VcpuState> = {}): VcpuState => ({
  index: 0,
  rip: (0xffffffff81000000n + BigInt(rip)).toString(16),
  interruptsOn: true,
  halted: false,
  place: 'capture-kernel',
  ...changes,
});

t.test('a line now and then is talking; thirty seconds without one is not', async (t) => {
  const { at, hear } = made();
  t.notOk(talks(at(5_000)), 'never a word');
  for (let ownMs = 10_000; ownMs <= 60_000; ownMs += 10_000)
    hear('console', '[    1.000000] probing\n', ownMs);
  t.ok(makesProgress(at(89_000)));
  t.match(at(89_000), { silentMs: 29_000, channel: 'console', ownMs: 89_000, wallMs: 178_000 });
  t.notOk(makesProgress(at(90_000)));
  hear('control', 'CP1 {}\n', 90_000);
  t.ok(makesProgress(at(90_000)));
});

t.test('answers to the host are no progress of a guest of which one CPU is stuck', async (t) => {
  const { at, hear } = made();
  for (let ownMs = 0; ownMs <= 90_000; ownMs += 5_000) hear('control', 'CP1 {"ev":"reply"}\n', ownMs);
  t.notOk(makesProgress(at(90_000)));
  hear('control', 'CP1 {"ev":"vmcore", a long frame ', 90_500);
  hear('control', 'of which more comes ', 92_000);
  t.ok(makesProgress(at(92_000)));
});

t.test('a deadline that is short wants news in its last third', async (t) => {
  const { at, hear } = made();
  hear('console', '[    1.000000] hello\n', 1_000);
  t.ok(makesProgress(at(5_000, 15_000)));
  t.notOk(makesProgress(at(16_000, 15_000)));
});

t.test('reports of a watchdog are no progress, with what follows them; other lines are', async (t) => {
  for (const report of [
    'watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [swapper/0:1]',
    'rcu: INFO: rcu_preempt self-detected stall on CPU',
    'rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 0-... } 5 jiffies s: 1 root: 0x1/.',
    'INFO: task init:1 blocked for more than 120 seconds.',
    'BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 35s!',
    'NMI watchdog: Watchdog detected hard LOCKUP on cpu 0',
  ]) {
    const { at, hear } = made();
    hear('console', '[    1.000000] before\n', 1_000);
    for (const ownMs of [40_000, 62_000]) {
      hear('console', `[   40.000000] ${report}\n`, ownMs);
      hear('console', '[   40.100000] Call Trace:\n[   40.200000]  <TASK>\n', ownMs + 200);
    }
    t.notOk(makesProgress(at(63_000)), report);
    hear('console', '[   70.000000] loop: module loaded\n', 70_000);
    t.ok(makesProgress(at(71_000)), 'a line of its own');
  }
  const { at, hear } = made();
  hear('console', 'app: watchdog: BUG: soft lockup\n', 1_000);
  t.ok(makesProgress(at(2_000)), 'a quotation of one is a line like others');
});

t.test('a row of dots that never ends its line is progress; the tail of a line is not', async (t) => {
  const { at, hear } = made();
  hear('console', '[    1.000000] testing ', 1_000);
  t.notOk(talks(at(1_500)));
  hear('console', '.', 2_500);
  t.ok(talks(at(2_600)));
  const other = made();
  other.hear('console', '\n', 1_000);
  other.hear('console', '\n', 9_000);
  t.notOk(talks(other.at(9_000)), 'empty lines');
});

t.test('new code is progress; a loop, an idle vCPU and its timer interrupts are not', async (t) => {
  const booting = made();
  for (let i = 0; i < 200; i += 1) booting.tracker.sample([vcpu(i * 64)], i * 150);
  t.ok(executesNewCode(booting.at(30_000)));
  t.match(booting.at(30_000).lastCode, { place: 'capture-kernel', rip: vcpu(199 * 64).rip });

  const looping = made();
  for (let i = 0; i < 400; i += 1) looping.tracker.sample([vcpu(4 * (i % 10))], i * 150);
  t.notOk(executesNewCode(looping.at(60_000)));
  t.equal(looping.at(60_000).newCode, 0);

  const ticking = made();
  for (let i = 0; i < 1_000; i += 1)
    ticking.tracker.sample([vcpu(i % 100 === 0 ? 0x10000 + i * 64 : 0)], i * 150);
  t.notOk(executesNewCode(ticking.at(150_000)), 'one sample in a hundred');
  for (let i = 1_000; i < 1_200; i += 1) ticking.tracker.sample([vcpu(0x900000 + i * 64)], i * 150);
  t.ok(executesNewCode(ticking.at(180_000)), 'and then it works again');
  t.notOk(executesNewCode(ticking.at(215_000)), 'long ago');
});

t.test('processes at random pages execute no new code', async (t) => {
  const { tracker, at } = made();
  for (let i = 0; i < 200; i += 1)
    tracker.sample([vcpu(0, { place: 'user', rip: (0x7f0000000000 + i * 4096 + 64).toString(16) })], i * 150);
  t.notOk(executesNewCode(at(30_000)));
});

t.test('a vCPU that runs with interrupts off in the first kernel, in every sample, is stuck', async (t) => {
  const off = (changes: Partial<VcpuState> = {}) =>
    vcpu(0, { place: 'first-kernel', interruptsOn: false, ...changes });
  const stuckAfter = (samples: readonly VcpuState[]) => {
    const { tracker, at } = made();
    samples.forEach((sample, i) => tracker.sample([sample], i * 1_000));
    return at((samples.length - 1) * 1_000).stuckVcpus;
  };
  t.strictSame(stuckAfter(Array.from({ length: 6 }, () => off())), [0]);
  t.strictSame(stuckAfter([off(), off(), vcpu(0), off(), off(), off()]), [], 'it took interrupts meanwhile');
  t.strictSame(stuckAfter(Array.from({ length: 6 }, () => off({ halted: true }))), [], 'parked or offline');
  t.strictSame(stuckAfter(Array.from({ length: 6 }, () => off({ place: 'firmware' }))), [], 'never started');
});

t.test('a guest that takes no interrupts cannot answer', async (t) => {
  const { tracker } = made();
  t.ok(tracker.takesInterrupts, 'without samples nothing is known');
  tracker.sample([vcpu(0, { interruptsOn: false }), vcpu(0, { index: 1, halted: true })], 1);
  t.ok(tracker.takesInterrupts);
  tracker.sample([vcpu(0, { interruptsOn: false })], 2);
  t.notOk(tracker.takesInterrupts);
});

t.test('samples once in five seconds tell a working guest from one that stands still, too', async (t) => {
  const every = (code: (index: number) => number, samples = 12) => {
    const { tracker, at } = made();
    for (let i = 0; i < samples; i += 1) tracker.sample([vcpu(code(i))], i * 5_000);
    return at((samples - 1) * 5_000 + 4_000);
  };
  t.ok(executesNewCode(every((i) => i * 64)), 'a booting kernel');
  t.ok(executesNewCode(every((i) => (i % 3 === 0 ? i * 64 : 0))), 'one that waits two thirds of its time');
  t.notOk(executesNewCode(every((i) => 4 * (i % 4))), 'a loop');
  t.notOk(executesNewCode(every((i) => (i === 9 ? 0x10000 : 0))), 'a timer interrupt');
  t.notOk(executesNewCode(every((i) => (i < 6 ? i * 64 : 0))), 'half a minute ago');
});

t.test('a short stretch has the samples before it, if they belong to the deadline', async (t) => {
  const { tracker, at } = made();
  for (let i = 0; i < 12; i += 1) tracker.sample([vcpu(i * 64)], i * 5_000);
  t.equal(at(55_000, 30_000).samples, 6, 'ten seconds have three');
  t.equal(at(55_000, 9_000).samples, 2, 'no more are younger than the deadline');
});

t.test('two samples with interrupts off are nobody stuck, and no proof of the opposite', async (t) => {
  const off = vcpu(0, { place: 'first-kernel', interruptsOn: false });
  for (const everyMs of [150, 5_000]) {
    const { tracker, at } = made();
    const isUndecided = () => tracker.offStreaks.some(isOpen);
    t.notOk(isUndecided(), 'without samples nothing is known');
    for (let i = 0; i < 3; i += 1) tracker.sample([off], i * everyMs);
    t.strictSame(at(10_000).stuckVcpus, [], `${everyMs} ms`);
    t.ok(isUndecided());
    for (let i = 3; i < 40; i += 1) tracker.sample([off], i * everyMs);
    t.strictSame(at(40 * everyMs).stuckVcpus, [0]);
    t.notOk(isUndecided());
    tracker.sample([vcpu(0)], 40 * everyMs);
    t.strictSame(at(40 * everyMs).stuckVcpus, []);
    t.notOk(isUndecided());
  }
});

t.test('a streak of one vCPU is another one than the next', async (t) => {
  const off = (index: number) => vcpu(0, { index, place: 'first-kernel', interruptsOn: false });
  const { tracker } = made();
  tracker.sample([off(0), vcpu(0, { index: 1 })], 1_000);
  tracker.sample([off(0), off(1)], 2_000);
  t.strictSame(tracker.offStreaks, [
    { index: 0, sinceMs: 1_000, samples: 2 },
    { index: 1, sinceMs: 2_000, samples: 1 },
  ]);
  tracker.sample([vcpu(0), off(1)], 3_000);
  tracker.sample([off(0), off(1)], 4_000);
  t.strictSame(tracker.offStreaks[0], { index: 0, sinceMs: 4_000, samples: 1 });
});
