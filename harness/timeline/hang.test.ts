import t from 'tap';
import type { VcpuState } from '../model/event.js';
import { createHangDetector, type Hang } from './hang.js';

const LIMITS = { haltedHangMs: 4000, spinHangMs: 30_000 };
const EVERY_MS = 150;

const parked: VcpuState = { index: 1, rip: 'a', interruptsOn: false, halted: true, place: 'first-kernel' };
const idle: VcpuState = { ...parked, interruptsOn: true };
const spinning: VcpuState = { index: 0, rip: 'b', interruptsOn: false, halted: false, place: 'first-kernel' };

/** The first hang when the vCPUs have the given states for some time, with the time of its detection. */
function watch(forMs: number, vcpusAt: (atMs: number) => VcpuState[]): (Hang & { atMs: number }) | undefined {
  const detect = createHangDetector(LIMITS);
  for (let atMs = 0; atMs <= forMs; atMs += EVERY_MS) {
    const hang = detect(atMs, vcpusAt(atMs));
    if (hang !== undefined) return { ...hang, atMs };
  }
  return undefined;
}

void t.test('all vCPUs halted with interrupts off', async (t) => {
  const hang = watch(10_000, () => [{ ...parked, index: 0 }, parked]);
  t.match(hang, { shape: 'all-vcpus-halted', vcpus: { length: 2 } });
  t.equal(hang?.atMs, 4050, 'called at the first sample behind the limit');
  t.equal(
    watch(3900, () => [parked]),
    undefined,
    'not before',
  );
});

void t.test('one vCPU with interrupts on is no hang', async (t) => {
  t.equal(
    watch(60_000, () => [{ ...parked, index: 0 }, parked, { ...idle, index: 2 }]),
    undefined,
  );
  t.equal(
    watch(60_000, () => [spinning, idle]),
    undefined,
    'a spin beside an idle CPU may be answered',
  );
  t.equal(
    watch(60_000, () => [{ ...spinning, interruptsOn: true }, parked]),
    undefined,
    'a spin with interrupts on may be interrupted',
  );
});

void t.test('a spin among parked vCPUs', async (t) => {
  const ripAt = (atMs: number) => String((atMs / EVERY_MS) % 7);
  const hang = watch(40_000, (atMs) => [{ ...spinning, rip: ripAt(atMs) }, parked]);
  t.match(
    hang,
    { shape: 'spin', atMs: 7_500, forMs: 7_500 },
    'the crashed kernel waits for a second at most',
  );
  for (const place of ['purgatory', 'capture-start', 'capture-kernel', 'jump'] as const) {
    const later = watch(40_000, (atMs) => [{ ...spinning, place, rip: ripAt(atMs) }, parked]);
    t.match(later, { shape: 'spin', atMs: 30_000, forMs: 30_000 }, place);
  }
});

void t.test('the second that the crash path waits for a vCPU that does not answer is no hang', async (t) => {
  t.equal(
    watch(60_000, (atMs) => [atMs < 1_200 ? spinning : idle, parked]),
    undefined,
  );
});

void t.test('11 seconds of digest in purgatory, then the capture kernel: no hang', async (t) => {
  const hang = watch(120_000, (atMs) => {
    const digest = atMs < 11_000;
    const rip = digest ? String((atMs / EVERY_MS) % 5) : String(atMs);
    return [{ ...spinning, place: digest ? 'purgatory' : 'capture-start', rip }, parked];
  });
  t.equal(hang, undefined);
});

void t.test('many instructions are progress, however long', async (t) => {
  t.equal(
    watch(120_000, (atMs) => [{ ...spinning, rip: String(atMs % 4500) }, parked]),
    undefined,
  );
});

void t.test('two running vCPUs may be waiting for each other and are not called', async (t) => {
  t.equal(
    watch(60_000, () => [spinning, { ...spinning, index: 1 }]),
    undefined,
  );
});

void t.test('a spin in userspace or firmware does not count', async (t) => {
  for (const place of ['user', 'firmware'] as const) {
    t.equal(
      watch(60_000, () => [{ ...spinning, place }, parked]),
      undefined,
      place,
    );
  }
});

void t.test('a shape that is left starts over', async (t) => {
  t.equal(
    watch(60_000, (atMs) => (atMs % 3900 === 0 ? [idle] : [parked])),
    undefined,
  );
  const moved = watch(60_000, (atMs) => [
    { ...spinning, index: atMs < 6_000 ? 0 : 1 },
    { ...parked, index: 9 },
  ]);
  t.ok(moved !== undefined && moved.atMs >= 13_500, 'another vCPU that spins is another spin');
});

void t.test('few samples prove nothing', async (t) => {
  const detect = createHangDetector(LIMITS);
  t.equal(detect(0, [parked]), undefined);
  t.equal(detect(60_000, [parked]), undefined, 'QEMU did not answer in between');
  t.equal(createHangDetector({ ...LIMITS, haltedHangMs: 0 })(0, []), undefined, 'no vCPU');
});
