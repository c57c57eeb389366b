import t from 'tap';
import type { VcpuState } from '../model/event.js';
import { createSuspicionDetector, type Suspicion, type SuspicionDetector } from './suspicion.js';

const EVERY_MS = 150;

const parked: VcpuState = { index: 1, rip: 'a', interruptsOn: false, halted: true, place: 'first-kernel' };
const idle: VcpuState = { ...parked, interruptsOn: true };
const spinning: VcpuState = { index: 0, rip: 'b', interruptsOn: false, halted: false, place: 'first-kernel' };

/** The suspicions when the vCPUs have the given states for some time, with their times. */
function watch(
  forMs: number,
  vcpusAt: (atMs: number) => VcpuState[],
  meanwhile: (atMs: number, detector: SuspicionDetector) => void = () => undefined,
  everyMs = EVERY_MS,
): (Suspicion & { atMs: number })[] {
  const detector = createSuspicionDetector();
  const found: (Suspicion & { atMs: number })[] = [];
  for (let atMs = 0; atMs <= forMs; atMs += everyMs) {
    meanwhile(atMs, detector);
    const suspicion = detector.sample(atMs, vcpusAt(atMs));
    if (suspicion !== undefined) found.push({ ...suspicion, atMs });
  }
  return found;
}

/** One of `count` addresses, in turn. */
const turning = (atMs: number, count: number) => String((atMs / EVERY_MS) % count);

void t.test('a vCPU in a handful of addresses is suspected soon, whatever the others are', async (t) => {
  for (const [name, other] of Object.entries({
    parked,
    'idle in the crashed kernel': idle,
    spinning: { ...spinning, index: 1 },
  })) {
    const [first] = watch(3_000, (atMs) => [{ ...spinning, rip: turning(atMs, 4) }, other]);
    t.match(first, { shape: 'spin', atMs: 2100 }, name);
  }
  for (const place of ['jump', 'purgatory', 'capture-start', 'capture-kernel'] as const) {
    t.match(
      watch(3_000, () => [{ ...spinning, place, interruptsOn: place === 'capture-kernel' }, parked])[0],
      { shape: 'spin' },
      place,
    );
  }
});

void t.test('a sleep at one address is suspected soon', async (t) => {
  t.match(watch(3_000, () => [{ ...idle, index: 0 }, parked])[0], { shape: 'idle-forever', atMs: 2100 });
});

void t.test('all halted with interrupts off: something may send an NMI', async (t) => {
  t.match(watch(3_000, () => [{ ...parked, index: 0 }, parked])[0], {
    shape: 'all-vcpus-halted',
    atMs: 2100,
  });
});

void t.test('a vCPU that stands still with interrupts off beside one that works and prints', async (t) => {
  const busy = (atMs: number): VcpuState => ({ ...idle, halted: false, rip: String(atMs), place: 'user' });
  const talking = (atMs: number, detector: SuspicionDetector) => {
    if (atMs % 1500 === 0) detector.heard();
  };
  const found = watch(70_000, (atMs) => [spinning, busy(atMs)], talking);
  t.match(found[0], { shape: 'spin', forMs: 4050 });
  t.strictSame(
    found.map(({ atMs }) => Math.round(atMs / 1000)),
    [4, 12, 29, 59],
  );
  t.strictSame(
    watch(60_000, (atMs) => [{ ...spinning, rip: String(atMs) }, busy(atMs)], talking),
    [],
    'one that moves works',
  );
  t.strictSame(
    watch(60_000, (atMs) => [{ ...spinning, interruptsOn: atMs % 3000 === 0 }, busy(atMs)], talking),
    [],
    'one that takes interrupts now and then does not stand still',
  );
});

void t.test('a vCPU that prints with interrupts off works, when nobody else can have printed', async (t) => {
  // As a capture kernel on a host where a byte of the serial console takes milliseconds.
  const printing = (atMs: number, detector: SuspicionDetector) => {
    if (atMs % 4_000 === 0) detector.heard();
  };
  const moving = (atMs: number) => ({ ...spinning, rip: String((atMs / 2_000) % 2) });
  t.strictSame(
    watch(60_000, (atMs) => [moving(atMs), parked], printing, 2_000),
    [],
  );
  const other = watch(60_000, (atMs) => [moving(atMs), idle], printing, 2_000);
  t.match(other[0], { shape: 'spin', atMs: 8_000 }, 'one that sleeps with interrupts on may print');
  const then = (atMs: number, detector: SuspicionDetector) => {
    if (atMs <= 20_000) printing(atMs, detector);
  };
  const silent = watch(60_000, (atMs) => [moving(atMs), parked], then, 2_000);
  t.match(silent[0], { shape: 'spin', atMs: 28_000 }, 'it prints no longer');
});

void t.test('it comes again, with growing pauses, and says for how long', async (t) => {
  const found = watch(70_000, () => [spinning, parked]);
  t.strictSame(
    found.map(({ atMs }) => Math.round(atMs / 1000)),
    [2, 6, 15, 31, 61],
  );
  t.ok((found.at(-1)?.forMs ?? 0) > 60_000);
});

void t.test('a loop of some functions is suspected when it shows nothing new', async (t) => {
  // Of 40 addresses, in no order.
  const loop = (atMs: number, count: number) =>
    String(((atMs / EVERY_MS) ** 2 * 7 + atMs / EVERY_MS) % count);
  const found = watch(60_000, (atMs) => [{ ...spinning, rip: loop(atMs, 41) }, parked]);
  t.match(found[0], { shape: 'spin' });
  t.ok((found[0]?.atMs ?? 0) > 6_000, 'later than a handful');
  t.strictSame(
    watch(60_000, (atMs) => [{ ...spinning, rip: turning(atMs, 65) }, parked]),
    [],
    'too many',
  );
  const growing = (atMs: number) => String(Math.floor(Math.sqrt(atMs / EVERY_MS) * 30));
  t.strictSame(
    watch(60_000, (atMs) => [{ ...spinning, rip: growing(atMs) }, parked]),
    [],
    'something new each time',
  );
  const busy = (atMs: number): VcpuState => ({ ...idle, halted: false, rip: String(atMs), place: 'user' });
  const talking = (atMs: number, detector: SuspicionDetector) => {
    if (atMs % 1500 === 0) detector.heard();
  };
  const beside = watch(60_000, (atMs) => [{ ...spinning, rip: loop(atMs, 41) }, busy(atMs)], talking);
  t.match(beside[0], { shape: 'spin' }, 'with interrupts off, whatever the others do and print');
  t.ok((beside[0]?.atMs ?? 0) > 6_000);
  for (const rip of [growing, (atMs: number) => turning(atMs, 65)])
    t.strictSame(
      watch(60_000, (atMs) => [{ ...spinning, rip: rip(atMs) }, busy(atMs)], talking),
      [],
    );
  t.strictSame(
    watch(
      60_000,
      (atMs) => [{ ...spinning, rip: loop(atMs, 41), interruptsOn: atMs % 3000 === 0 }, busy(atMs)],
      talking,
    ),
    [],
    'it takes interrupts now and then',
  );
});

void t.test('what is printed, and many instructions, are progress', async (t) => {
  t.strictSame(
    watch(
      60_000,
      () => [{ ...idle, index: 0 }, parked],
      (atMs, detector) => {
        if (atMs % 1500 === 0) detector.heard();
      },
    ),
    [],
    'a line every 1.5 s',
  );
  t.strictSame(
    watch(60_000, (atMs) => [{ ...spinning, rip: String(atMs) }, parked]),
    [],
    'a kernel that boots',
  );
  const later = watch(
    20_000,
    () => [spinning, parked],
    (atMs, detector) => {
      if (atMs === 9_000) detector.heard();
    },
  );
  t.strictSame(
    later.map(({ atMs }) => Math.round(atMs / 1000)),
    [2, 6, 11, 15],
    'after progress the pauses are short again',
  );
});

void t.test('after an examination the samples start over', async (t) => {
  const found = watch(
    9_000,
    () => [spinning, parked],
    (atMs, detector) => {
      if (atMs === 4_500) detector.examined();
    },
  );
  t.strictSame(
    found.map(({ atMs }) => Math.round(atMs / 1000)),
    [2, 9],
  );
});

void t.test('few samples show nothing', async (t) => {
  const detector = createSuspicionDetector();
  t.equal(detector.sample(0, [spinning]), undefined);
  t.equal(detector.sample(60_000, [spinning]), undefined, 'QEMU did not answer in between');
});

void t.test('samples once in five seconds: later, and the same', async (t) => {
  const sparse = (forMs: number, vcpusAt: (index: number) => VcpuState[]) =>
    watch(forMs, (atMs) => vcpusAt(atMs / 5_000), undefined, 5_000).map(
      ({ atMs, shape }) => `${shape} ${atMs}`,
    );
  t.strictSame(
    sparse(45_000, () => [spinning, parked]),
    ['spin 20000', 'spin 45000'],
  );
  t.strictSame(
    sparse(30_000, (index) => [{ ...spinning, rip: String(index % 4) }, parked]),
    ['spin 25000'],
    'a loop of four instructions',
  );
  t.strictSame(
    sparse(20_000, () => [{ ...idle, index: 0 }, parked]),
    ['idle-forever 20000'],
  );
  t.strictSame(
    sparse(300_000, (index) => [{ ...spinning, rip: String(index) }, parked]),
    [],
    'a kernel that boots',
  );
});
