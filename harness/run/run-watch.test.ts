import t from 'tap';
import type { HostFact, RunRecord } from '../model/record.js';
import type { Recorder } from '../store/recorder.js';
import { madePlan } from '../testing/builders/runs.js';
import { RunEnded, RunWatch } from './run-watch.js';

/** A recorder that keeps nothing. */
function memoryRecorder(): Recorder {
  let seq = 0;
  const stamp = () => ({ seq: seq++, atMs: seq });
  return {
    nowMs: () => seq,
    chunk: (channel, bytes): RunRecord => ({ kind: 'chunk', channel, bytes, ...stamp() }),
    qmp: (direction, message) => ({ kind: 'qmp', line: 0, record: { ...stamp(), direction, message } }),
    sample: (text) => ({ kind: 'sample', line: 0, record: { ...stamp(), text } }),
    host: (fact: HostFact) => ({ kind: 'host', line: 0, record: { ...stamp(), ...fact } }),
    close: () => undefined,
  };
}

const watchOf = () => new RunWatch(memoryRecorder(), madePlan().limits);

function print(watch: RunWatch, channel: 'console' | 'control', line: string): void {
  watch.take((recorder) => recorder.chunk(channel, Buffer.from(`${line}\n`)));
}

const PANIC = '[    4.624082] Kernel panic - not syncing: sysrq triggered crash';
const FIRING = 'CP1 {"ev":"firing","id":3}';

t.test('a panic that overtakes the announcement of firing does not end the run', async (t) => {
  const watch = watchOf();
  print(watch, 'console', PANIC);
  print(watch, 'control', FIRING);
  await new Promise((resolve) => setTimeout(resolve, 5_300));
  t.equal(watch.ended, undefined);
  watch.end('the test is over');
});

t.test('a panic before anything was fired ends it', async (t) => {
  const watch = watchOf();
  print(watch, 'console', PANIC);
  await t.rejects(
    watch.waitFor('hello', () => true, { what: 'x', limitMs: 20_000 }),
    RunEnded,
  );
  t.equal(watch.ended, 'panic');
});

t.test('a wait is answered by what was seen already, by what comes, or by its deadline', async (t) => {
  const watch = watchOf();
  print(watch, 'control', FIRING);
  t.match(await watch.waitFor('firing', () => true, { what: 'x', limitMs: 10 }), { type: 'firing' });
  const later = watch.waitFor(['panic', 'capture-hello'], () => true, { what: 'x', limitMs: 5_000 });
  print(watch, 'console', PANIC);
  t.match(await later, { type: 'panic', side: 'production' });
  t.equal(await watch.waitFor('armed', () => true, { what: 'x', limitMs: 10, soft: true }), undefined);
  t.equal(watch.ended, undefined, 'a soft deadline ends nothing');
  await t.rejects(
    watch.waitFor('armed', () => true, { what: 'arming', limitMs: 10 }),
    RunEnded,
  );
  t.match(watch.events.at(-1), { fact: { fact: 'deadline', what: 'arming', limitMs: 10 } });
  await t.rejects(
    watch.waitFor('hello', () => true, { what: 'x', limitMs: 10 }),
    RunEnded,
    'ended is ended',
  );
});

t.test('a recording that fails ends the run and keeps its error', async (t) => {
  const watch = watchOf();
  const full = new Error('ENOSPC');
  watch.take(() => {
    throw full;
  });
  t.equal(watch.fault, full);
  t.type(watch.ended, 'string');
});

t.test('work is waited for until the run ends, and no longer', async (t) => {
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
