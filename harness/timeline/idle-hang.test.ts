import t from 'tap';
import type { VcpuState } from '../model/event.js';
import { eventsOf, fixtureNames, readFixture } from '../testing/recordings/fixtures.js';
import { createIdleDetector } from './idle-hang.js';

const LIMIT_MS = 60_000;
const EVERY_MS = 150;

const asleep: VcpuState = { index: 0, rip: 'a', interruptsOn: true, halted: true, place: 'capture-kernel' };
const parked: VcpuState = { index: 1, rip: 'b', interruptsOn: false, halted: true, place: 'first-kernel' };

/** When vCPUs in the given states for some time are detected as a hang, if they are. */
function called(
  forMs: number,
  vcpusAt: (atMs: number) => VcpuState[],
  heardAt: (atMs: number) => boolean = () => false,
): number | undefined {
  const detector = createIdleDetector(LIMIT_MS);
  for (let atMs = 0; atMs <= forMs; atMs += EVERY_MS) {
    if (heardAt(atMs)) detector.heard();
    if (detector.sample(atMs, vcpusAt(atMs)) !== undefined) return atMs;
  }
  return undefined;
}

void t.test('a capture kernel that sleeps at one instruction in every sample', async (t) => {
  t.equal(
    called(90_000, () => [asleep, parked]),
    LIMIT_MS,
  );
  t.equal(
    called(90_000, () => [asleep, { ...asleep, index: 1, rip: 'c' }]),
    LIMIT_MS,
    'two CPUs of the capture kernel',
  );
  t.equal(
    called(59_000, () => [asleep, parked]),
    undefined,
    'not before the limit',
  );
});

void t.test('one sample that shows it elsewhere, or awake, begins anew', async (t) => {
  const now = (atMs: number) => atMs % 59_850 === 0;
  for (const other of [
    { rip: 'd' },
    { halted: false },
    { interruptsOn: false },
    { place: 'user' as const },
  ]) {
    t.equal(
      called(300_000, (atMs) => [now(atMs) ? { ...asleep, ...other } : asleep, parked]),
      undefined,
      JSON.stringify(other),
    );
  }
});

void t.test('a guest that sends bytes is awake', async (t) => {
  t.equal(
    called(
      300_000,
      () => [asleep, parked],
      (atMs) => atMs % 59_850 === 0,
    ),
    undefined,
  );
});

void t.test('the crashed kernel may idle', async (t) => {
  t.equal(
    called(300_000, () => [{ ...asleep, place: 'first-kernel' }, parked]),
    undefined,
  );
  t.equal(
    called(300_000, () => [asleep, { ...parked, interruptsOn: true }]),
    undefined,
    'a vCPU of the crashed kernel that was not shot down could do anything',
  );
  t.equal(
    called(300_000, () => [parked]),
    undefined,
    'all parked is another shape',
  );
  t.equal(
    called(300_000, () => []),
    undefined,
    'no vCPU',
  );
});

void t.test('few samples prove nothing', async (t) => {
  const detector = createIdleDetector(LIMIT_MS);
  t.equal(detector.sample(0, [asleep]), undefined);
  t.equal(detector.sample(120_000, [asleep]), undefined, 'QEMU did not answer in between');
});

void t.test('no healthy recording comes near: with a limit of 2 s only a dead timer is called', async (t) => {
  const found: string[] = [];
  for (const name of await fixtureNames()) {
    const { plan, records } = await readFixture(name);
    const events = eventsOf(records, { limits: { ...plan.limits, idleHangMs: 2_000 } });
    if (events.some((event) => event.type === 'hang' && event.shape === 'idle-forever')) found.push(name);
  }
  const dead = (name: string) => name.startsWith('capture-hang-dead-timer');
  t.ok(found.includes('capture-hang-dead-timer'));
  t.strictSame(
    found.filter((name) => !dead(name)),
    [],
  );
});
