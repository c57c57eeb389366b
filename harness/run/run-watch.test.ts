import t from 'tap';
import { SteppedClock } from '../machine/recorded/clock.js';
import { madePlan } from '../testing/builders/runs.js';
import type { RunRecord } from '../model/record.js';
import type { Recorder } from '../store/recorder.js';
import { memoryRecorder } from '../testing/fakes/recorder.js';
import { RunEnded } from './event-waits.js';
import { RunWatch } from './run-watch.js';

const { limits } = madePlan();
const watchOf = () => new RunWatch(memoryRecorder(), { limits });

function print(watch: RunWatch, channel: 'console' | 'control', line: string): void {
  watch.bytes(channel, Buffer.from(`${line}\n`));
}

const PANIC = '[    4.624082] Kernel panic - not syncing: sysrq triggered crash';
const FIRING = 'CP1 {"ev":"firing","id":3}';

t.test('a panic that overtakes the announcement of firing does not end the run', async (t) => {
  const clock = new SteppedClock();
  const watch = new RunWatch(memoryRecorder(clock), { limits, clock });
  print(watch, 'console', PANIC);
  clock.forwardTo(4_900);
  t.equal(watch.ended, undefined, 'a panic has some seconds for its report');
  print(watch, 'control', FIRING);
  clock.forwardTo(60_000);
  t.equal(watch.ended, undefined);
});

t.test('a deadline is recorded after a last look, in which the event may still come', async (t) => {
  const clock = new SteppedClock();
  const watch = new RunWatch(memoryRecorder(clock), { limits, clock });
  const looked: boolean[] = [];
  const isRecorded = () =>
    watch.events.some((event) => event.type === 'host' && event.fact.fact === 'deadline');
  let come = true;
  watch.lastLook = async () => {
    looked.push(isRecorded());
    if (come) print(watch, 'control', FIRING);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const firing = watch.waitFor('firing', () => true, { what: 'x', within: 1_000 });
  clock.forwardTo(1_100);
  t.match(await firing, { type: 'firing' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(watch.ended, undefined, 'it came in time');
  t.notOk(isRecorded());
  come = false;
  const hello = watch.waitFor('hello', () => true, { what: 'x', within: 1_000 });
  clock.forwardTo(2_400);
  await t.rejects(hello, RunEnded);
  t.strictSame(looked, [false, false]);
  t.ok(isRecorded());
});

t.test('a fired guest that suspends itself ends the run, unless something wakes it', async (t) => {
  const suspended = (line: string | undefined) => {
    const clock = new SteppedClock();
    const watch = new RunWatch(memoryRecorder(clock), { limits, clock });
    if (line !== undefined) print(watch, 'control', line);
    watch.message('in', { event: 'SUSPEND' });
    return { clock, watch };
  };
  const asleep = suspended(FIRING);
  asleep.clock.forwardTo(4_900);
  t.equal(asleep.watch.ended, undefined);
  asleep.clock.forwardTo(5_100);
  t.equal(asleep.watch.ended, 'suspended');
  const woken = suspended(FIRING);
  woken.clock.forwardTo(4_000);
  woken.watch.message('in', { event: 'WAKEUP' });
  woken.clock.forwardTo(60_000);
  t.equal(woken.watch.ended, undefined);
  const unfired = suspended(undefined);
  unfired.clock.forwardTo(60_000);
  t.equal(unfired.watch.ended, undefined, 'it has not been fired');
});

t.test('a panic before anything was fired ends it', async (t) => {
  const clock = new SteppedClock();
  const watch = new RunWatch(memoryRecorder(clock), { limits, clock });
  print(watch, 'console', PANIC);
  const hello = watch.waitFor('hello', () => true, { what: 'x', within: 20_000 });
  clock.forwardTo(4_900);
  t.equal(watch.ended, undefined);
  clock.forwardTo(5_100);
  await t.rejects(hello, RunEnded);
  t.equal(watch.ended, 'panic');
});

t.test('a wait is answered by what was seen already, by what comes, or by its deadline', async (t) => {
  const watch = watchOf();
  print(watch, 'control', FIRING);
  t.match(await watch.waitFor('firing', () => true, { what: 'x', within: 10 }), { type: 'firing' });
  const later = watch.waitFor(['panic', 'capture-hello'], () => true, { what: 'x', within: 5_000 });
  print(watch, 'console', PANIC);
  t.match(await later, { type: 'panic', side: 'production' });
  t.equal(await watch.tryWaitFor('armed', () => true, 10), undefined);
  t.equal(watch.ended, undefined, 'a soft deadline ends nothing');
  await t.rejects(
    watch.waitFor('armed', () => true, { what: 'arming', within: 10 }),
    RunEnded,
  );
  t.match(watch.events.slice(-2), [
    { fact: { fact: 'deadline', what: 'arming', limitMs: 10, ownMs: Number, wallMs: Number } },
    { type: 'progress' },
  ]);
  await t.rejects(
    watch.waitFor('hello', () => true, { what: 'x', within: 10 }),
    RunEnded,
    'ended is ended',
  );
});

t.test('a recording that fails ends the run and keeps its error', async (t) => {
  const full = new Error('ENOSPC');
  const failing: Recorder = {
    ...memoryRecorder(),
    sample() {
      throw full;
    },
  };
  const watch = new RunWatch(failing, { limits });
  watch.sample('');
  t.equal(watch.fault, full);
  t.type(watch.ended, 'string');
});

t.test(
  'what cannot be read ends this run as a fault of crashpath; it is recorded all the same',
  async (t) => {
    const recorder: Recorder = {
      ...memoryRecorder(),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a record that the timeline cannot read
      qmp: () => ({ kind: 'qmp', line: 0 }) as RunRecord,
    };
    const watch = new RunWatch(recorder, { limits });
    const wait = watch.waitFor('hello', () => true, { what: 'x', within: 20_000 });
    watch.message('in', {});
    await t.rejects(wait, RunEnded);
    t.equal(watch.fault, undefined, 'the recording did not fail');
    t.match(watch.events.at(-1), {
      fact: { fact: 'harness-fault', message: /a bug of crashpath, TypeError/, stack: /timeline/ },
    });
    watch.fact({ fact: 'ended', why: 'x' });
    t.match(watch.events.at(-1), { fact: { fact: 'ended' } }, 'and recording continues');
  },
);

t.test('a progress callback that throws does not touch the run, and is reported once', async (t) => {
  const warnings: string[] = [];
  t.intercept(process, 'emitWarning', { value: (text: string) => warnings.push(text) });
  const onEvent = () => {
    throw new Error('EPIPE');
  };
  const watch = new RunWatch(memoryRecorder(), { limits, onEvent });
  const wait = watch.waitFor('panic', () => true, { what: 'x', within: 20_000 });
  print(watch, 'control', FIRING);
  print(watch, 'console', PANIC);
  t.match(await wait, { type: 'panic' });
  t.equal(watch.fault, undefined);
  t.equal(watch.ended, undefined);
  t.strictSame(warnings, ['the progress of a run is not shown: Error: EPIPE']);
});

t.test('an error of a test of an event fails only its wait', async (t) => {
  const watch = watchOf();
  const bug = new TypeError('bug');
  const wait = watch.waitFor(
    'firing',
    () => {
      throw bug;
    },
    { what: 'x', within: 20_000 },
  );
  print(watch, 'control', FIRING);
  await t.rejects(wait, bug);
  t.equal(watch.ended, undefined);
});

t.test('a channel that reaches its limit ends the run; what is beyond it is dropped', async (t) => {
  const watch = new RunWatch(memoryRecorder(), { limits: { ...limits, channelBytes: 10 } });
  watch.bytes('console', Buffer.from('12345678'));
  t.equal(watch.ended, undefined);
  watch.bytes('console', Buffer.from('90abc'));
  watch.bytes('console', Buffer.from('def'));
  t.match(watch.events, [{ fact: { fact: 'channel-limit', channel: 'console', limitBytes: 10 } }]);
  t.equal(watch.ended, 'channel-limit');
});

t.test('a wait for work ends with the run', async (t) => {
  const watch = watchOf();
  t.equal(await watch.orEnded(Promise.resolve(7)), 7);
  const own = new Error('its own');
  await t.rejects(watch.orEnded(Promise.reject(own)), own, 'the error of the work is its own');
  const never = watch.orEnded(new Promise(() => {}));
  let done = false;
  never.then(
    () => (done = true),
    () => (done = true),
  );
  print(watch, 'control', FIRING);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(done, false, 'an event is not the end of the run');
  watch.end('Ctrl-C');
  await t.rejects(never, new RunEnded('Ctrl-C'));
  await t.rejects(watch.orEnded(new Promise(() => {})), new RunEnded('Ctrl-C'), 'ended is ended');
});

t.test('work that fails after the run has ended is dropped', async (t) => {
  const watch = watchOf();
  let fail: (error: Error) => void = () => {};
  const work = watch.orEnded(new Promise((_, reject) => (fail = reject)));
  watch.end('over');
  await t.rejects(work, RunEnded);
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  fail(new Error('too late'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', note);
  t.strictSame(unhandled, []);
});

/** A watch on a stepped clock, and a host that gives the guest a part of its time. */
function steppedWatch() {
  const clock = new SteppedClock();
  const watch = new RunWatch(memoryRecorder(clock), { limits, clock });
  const waited = { ms: 0 };
  return {
    clock,
    watch,
    pass: (forMs: number, share = 1) => {
      const untilMs = clock.nowMs() + forMs;
      while (clock.nowMs() < untilMs) {
        clock.forwardTo(clock.nowMs() + 250);
        waited.ms += 250 * (1 - share);
        watch.fact({ fact: 'host-time', threads: [{ thread: 'vcpu0', ranMs: 0, waitedMs: waited.ms }] });
      }
    },
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test("a deadline counts the guest's own time; the whole run's counts the host's", async (t) => {
  const { watch, pass } = steppedWatch();
  watch.limitWhole();
  pass(1_000);
  let ended: unknown;
  watch
    .waitFor('hello', () => true, { what: 'x', within: 10_000 })
    .catch((error: unknown) => (ended = error));
  pass(30_000, 0.25);
  await settled();
  t.equal(ended, undefined, '7.5 s of its own have passed');
  pass(12_000, 0.25);
  await settled();
  t.type(ended, RunEnded);
  const late = watch.events.find((event) => event.type === 'host' && event.fact.fact === 'deadline');
  t.match(late, { fact: { what: 'x', limitMs: 10_000 } });
  if (late?.type === 'host' && late.fact.fact === 'deadline') {
    t.ok(Math.abs((late.fact.ownMs ?? 0) - 10_000) < 600, `own ${late.fact.ownMs}`);
    t.ok(Math.abs((late.fact.wallMs ?? 0) - 40_000) < 2_000, `wall ${late.fact.wallMs}`);
  }

  const starved = steppedWatch();
  starved.watch.limitWhole();
  starved.watch
    .waitFor('hello', () => true, { what: 'x', within: 180_000 })
    .catch((error: unknown) => (ended = error));
  starved.pass(limits.totalMs + 500, 0.1);
  const whole = starved.watch.events.find((event) => event.type === 'host' && event.fact.fact === 'deadline');
  t.match(whole, { fact: { what: 'the whole run', backstop: true, limitMs: limits.totalMs } });
});

t.test('a deadline is put off while the guest talks, until it is quiet', async (t) => {
  const { watch, pass } = steppedWatch();
  const options = { what: 'x', within: 60_000, whileProgress: true };
  let ended: unknown;
  watch.waitFor('hello', () => true, options).catch((error: unknown) => (ended = error));
  for (let i = 0; i < 12; i += 1) {
    print(watch, 'console', '[    1.000000] still at it');
    pass(10_000);
  }
  await settled();
  t.equal(ended, undefined, 'two minutes of talking');
  // The stretch that counts is a third of this deadline.
  pass(11_000);
  await settled();
  t.type(ended, RunEnded);
  const firm = steppedWatch();
  firm.watch
    .waitFor('hello', () => true, { what: 'x', within: 60_000 })
    .catch((error: unknown) => (ended = error));
  ended = undefined;
  for (let i = 0; i < 7; i += 1) {
    print(firm.watch, 'console', '[    1.000000] still at it');
    firm.pass(10_000);
  }
  await settled();
  t.type(ended, RunEnded, 'one that is firm is not');
});

t.test('a guest that answers after the line of a panic did not panic', async (t) => {
  const { watch, pass } = steppedWatch();
  print(watch, 'console', PANIC);
  pass(2_000);
  print(watch, 'control', 'CP1 {"ev":"reply","id":3,"status":0,"out":""}');
  pass(20_000);
  t.equal(watch.ended, undefined);
});

t.test('the line of an end ends nothing while the guest is asked, or goes on', async (t) => {
  const END = '[    9.000000] ---[ end Kernel panic - not syncing: of an earlier crash ]---\r\n';
  const hello = 'CP1 {"ev":"hello","release":"Ng==","cpus":1,"modulesFailed":""}';
  const asked = steppedWatch();
  print(asked.watch, 'control', hello);
  print(asked.watch, 'console', PANIC);
  print(asked.watch, 'console', END);
  asked.pass(20_000);
  t.equal(asked.watch.ended, undefined, 'a script of the preparation may take long');
  const booting = steppedWatch();
  print(booting.watch, 'console', PANIC);
  for (let i = 0; i < 10; i++) {
    booting.pass(1_000);
    print(booting.watch, 'console', `[   ${10 + i}.000000] the boot goes on`);
  }
  t.equal(booting.watch.ended, undefined);
  booting.pass(5_000);
  t.equal(booting.watch.ended, 'panic', 'it is quiet');
});
