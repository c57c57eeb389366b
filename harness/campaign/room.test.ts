import t from 'tap';
import { type Room, whyNoRoom } from './room.js';

const MIB = 1024 * 1024;
const NEXT = { cores: 1, needBytes: 400 * MIB, worstBytes: 1_280 * MIB };
const guest = (cores: number | undefined, bytes = 300, needBytes = 400) => ({
  ...{ cores, bytes: bytes * MIB, needBytes: needBytes * MIB },
});
const room = (changes: Partial<Room> = {}): Room => ({
  ...{ cores: 2, otherCores: 0, availableBytes: 8_000 * MIB, memoryPressure: 0, guests: [] },
  ...changes,
});

t.test('CPUs: a guest starts while the half of what it needs is free', async (t) => {
  t.equal(whyNoRoom(room(), NEXT), undefined);
  t.equal(whyNoRoom(room({ guests: [guest(1.15)] }), NEXT), undefined);
  t.equal(whyNoRoom(room({ guests: [guest(1.15), guest(0.9)] }), NEXT), 'cpus');
  t.equal(whyNoRoom(room({ guests: [guest(1.1), guest(0.3)] }), NEXT), undefined);
  t.equal(
    whyNoRoom(room({ guests: [guest(undefined), guest(undefined)] }), NEXT),
    'cpus',
    'not measured yet',
  );
});

t.test('guests at rest take no CPU', async (t) => {
  t.equal(whyNoRoom(room({ guests: Array.from({ length: 9 }, () => guest(0)) }), NEXT), undefined);
});

t.test('what others use is not free, and a guest alone starts all the same', async (t) => {
  t.equal(whyNoRoom(room({ otherCores: 1, guests: [guest(1)] }), NEXT), 'cpus');
  t.equal(whyNoRoom(room({ otherCores: 8 }), NEXT), undefined);
});

t.test('memory: what guests will grow by, the next one, and one that uses all it has', async (t) => {
  // 400 for the next one and 880 in reserve.
  t.equal(whyNoRoom(room({ availableBytes: 1_280 * MIB }), NEXT), undefined);
  t.equal(whyNoRoom(room({ availableBytes: 1_279 * MIB }), NEXT), 'memory', 'also for the only guest');
  const grows = [guest(0, 100, 400), guest(0, 500, 400)];
  t.equal(whyNoRoom(room({ guests: grows, availableBytes: 1_580 * MIB }), NEXT), undefined);
  t.equal(whyNoRoom(room({ guests: grows, availableBytes: 1_579 * MIB }), NEXT), 'memory');
  const known = { ...NEXT, needBytes: NEXT.worstBytes };
  t.equal(whyNoRoom(room({ availableBytes: 1_536 * MIB }), known), undefined, 'never less than the reserve');
  t.equal(whyNoRoom(room({ availableBytes: 1_535 * MIB }), known), 'memory');
});

t.test('a host whose tasks wait for memory gets no further guest', async (t) => {
  t.equal(whyNoRoom(room({ memoryPressure: 6, guests: [guest(0)] }), NEXT), 'memory');
  t.equal(whyNoRoom(room({ memoryPressure: 4, guests: [guest(0)] }), NEXT), undefined);
});
