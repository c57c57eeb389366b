import t from 'tap';
import type { VcpuState } from '../model/event.js';
import { createHangDetector, type Shape } from './hang.js';

const LIMITS = { haltedHangMs: 4000 };
const EVERY_MS = 150;

const parked: VcpuState = { index: 1, rip: 'a', interruptsOn: false, halted: true, place: 'first-kernel' };
const idle: VcpuState = { ...parked, interruptsOn: true };
const spinning: VcpuState = { index: 0, rip: 'b', interruptsOn: false, halted: false, place: 'first-kernel' };

/** The first hang when the vCPUs have the given states for some time, with the time of its detection. */
function watch(
  forMs: number,
  vcpusAt: (atMs: number) => VcpuState[],
  everyMs = EVERY_MS,
): (Shape & { atMs: number }) | undefined {
  const detect = createHangDetector(LIMITS);
  for (let atMs = 0; atMs <= forMs; atMs += everyMs) {
    const hang = detect(atMs, vcpusAt(atMs));
    if (hang !== undefined) return { ...hang, atMs };
  }
  return undefined;
}

void t.test('all vCPUs halted with interrupts off', async (t) => {
  const hang = watch(10_000, () => [{ ...parked, index: 0 }, parked]);
  t.match(hang, { vcpus: { length: 2 } });
  t.equal(hang?.atMs, 4050, 'called at the first sample behind the limit');
  t.equal(
    watch(3900, () => [parked]),
    undefined,
    'not before',
  );
});

void t.test('no other shape is a hang by samples alone', async (t) => {
  for (const [name, vcpus] of Object.entries({
    'one has interrupts on': [{ ...parked, index: 0 }, parked, { ...idle, index: 2 }],
    'a spin among parked vCPUs may be a delay': [spinning, parked],
    'a spin beside an idle CPU': [spinning, idle],
    'a sleep may be waiting for a timer': [idle],
  })) {
    t.equal(
      watch(120_000, () => vcpus),
      undefined,
      name,
    );
  }
});

void t.test('a shape that is left starts over', async (t) => {
  t.equal(
    watch(60_000, (atMs) => (atMs % 3900 === 0 ? [idle] : [parked])),
    undefined,
  );
});

void t.test('few samples prove nothing', async (t) => {
  const detect = createHangDetector(LIMITS);
  t.equal(detect(0, [parked]), undefined);
  t.equal(detect(60_000, [parked]), undefined, 'QEMU did not answer in between');
  t.equal(createHangDetector({ haltedHangMs: 0 })(0, []), undefined, 'no vCPU');
});

void t.test('samples once in five seconds: five of them', async (t) => {
  t.equal(watch(30_000, () => [parked], 5_000)?.atMs, 20_000);
  t.equal(
    watch(300_000, (atMs) => (atMs % 20_000 === 0 ? [idle] : [parked]), 5_000),
    undefined,
  );
});
