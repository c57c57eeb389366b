import t from 'tap';
import type { HostResources, ProcessUse } from '../host/resources.js';
import type { RunEvent } from '../model/event.js';
import { madePlan } from '../testing/builders/runs.js';
import { measuredSlots, type Slot } from './slots.js';

const MIB = 1024 * 1024;

/** A host with a clock that only the test advances. */
function madeHost() {
  const state = {
    nowMs: 0,
    resources: { availableBytes: 16_000 * MIB, cores: 2, busySeconds: 0, memoryPressure: 0 } as HostResources,
    uses: new Map<number, ProcessUse>(),
    measured: 0,
    said: [] as number[],
  };
  const slots = measuredSlots({
    resources: () => state.resources,
    processUse: (pid) => {
      state.measured += 1;
      return state.uses.get(pid);
    },
    ownSeconds: () => 0,
    nowMs: () => state.nowMs,
    againMs: 1,
    onNoMemory: (needMiB) => state.said.push(needMiB),
  });
  return { state, slots };
}

const started = (pid: number): RunEvent => ({
  ...{ type: 'host', fact: { fact: 'qemu-started', pid }, at: { source: 'host', line: 0 }, atMs: 0 },
});
/** Ends what still waits when a test has failed. */
const end = new AbortController();
const NEVER = end.signal;
t.teardown(() => end.abort());
t.setTimeout(20_000);
/** Whether a promise is settled after the timers of a waiting guest. */
async function isTaken(taken: Promise<Slot | undefined>): Promise<boolean> {
  const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), 30));
  return (await Promise.race([taken, late])) !== 'late';
}

t.test('two guests that were never measured fit on two CPUs; a third waits for an end', async (t) => {
  const { slots } = madeHost();
  const first = await slots.take(madePlan(), NEVER);
  const second = await slots.take(madePlan(), NEVER);
  t.equal(slots.used, 2);
  const third = slots.take(madePlan(), NEVER);
  t.notOk(await isTaken(third));
  first?.release();
  t.ok(await isTaken(third));
  second?.release();
  (await third)?.release();
  t.equal(slots.used, 0);
});

t.test('a guest that rests makes room for another one; one that works again does not', async (t) => {
  const { state, slots } = madeHost();
  const first = await slots.take(madePlan(), NEVER);
  const second = await slots.take(madePlan(), NEVER);
  first?.note(started(1));
  second?.note(started(2));
  const use = (cpuSeconds: number): ProcessUse => ({ bytes: 100 * MIB, cpuSeconds, waitSeconds: 0 });
  state.uses.set(1, use(0)).set(2, use(0));
  const third = slots.take(madePlan(), NEVER);
  t.notOk(await isTaken(third), 'their first measurement');
  // In the next three seconds the first rests.
  state.nowMs += 3_000;
  state.uses.set(1, use(0)).set(2, use(3));
  t.ok(await isTaken(third));
  const fourth = slots.take(madePlan(), NEVER);
  t.notOk(await isTaken(fourth), 'one works, and one is new');
  const stop = new AbortController();
  const fifth = slots.take(madePlan(), stop.signal);
  stop.abort();
  second?.release();
  t.ok(await isTaken(fourth));
  t.equal(await fifth, undefined, 'one that is stopped gets no slot');
});

t.test('memory: the most that a guest of its kind had, and a fifth more', async (t) => {
  const { state, slots } = madeHost();
  const first = await slots.take(madePlan(), NEVER);
  first?.note(started(1));
  state.uses.set(1, { bytes: 100 * MIB, cpuSeconds: 0, waitSeconds: 0 });
  state.nowMs = 3_000;
  // 768 MiB and 512 for QEMU: 1280 in all, of which 120 are expected.
  state.resources = { ...state.resources, availableBytes: 1_301 * MIB };
  const second = slots.take(madePlan(), NEVER);
  t.ok(await isTaken(second), 'room for 20 more of the first, and for the second in the worst case');
  (await second)?.release();
  state.resources = { ...state.resources, availableBytes: 1_299 * MIB };
  const third = slots.take(madePlan(), NEVER);
  t.notOk(await isTaken(third));
  t.strictSame(state.said, [], 'it waits for the first one');
  first?.release();
  t.ok(await isTaken(third));
  (await third)?.release();
});

t.test('a host without memory for any guest is waited for, and that is said once', async (t) => {
  const { state, slots } = madeHost();
  state.resources = { ...state.resources, availableBytes: 1_000 * MIB };
  const first = slots.take(madePlan(), NEVER);
  t.notOk(await isTaken(first));
  t.strictSame(state.said, [1_280]);
  state.resources = { ...state.resources, availableBytes: 4_000 * MIB };
  t.ok(await isTaken(first));
});

t.test('what other programs use is not there for guests', async (t) => {
  const { state, slots } = madeHost();
  const first = await slots.take(madePlan(), NEVER);
  first?.note(started(1));
  state.uses.set(1, { bytes: 100 * MIB, cpuSeconds: 0, waitSeconds: 0 });
  state.nowMs = 2_500;
  (await slots.take(madePlan(), NEVER))?.release();
  // Both CPUs were busy for three seconds, and the guest used one of them.
  state.nowMs = 5_500;
  state.resources = { ...state.resources, busySeconds: 6 };
  state.uses.set(1, { bytes: 100 * MIB, cpuSeconds: 3, waitSeconds: 0 });
  t.notOk(await isTaken(slots.take(madePlan(), NEVER)));
});

t.test('nothing is measured while nobody waits', async (t) => {
  const { state, slots } = madeHost();
  (await slots.take(madePlan(), NEVER))?.note(started(1));
  const { measured } = state;
  await new Promise((resolve) => setTimeout(resolve, 30));
  t.equal(state.measured, measured);
});
