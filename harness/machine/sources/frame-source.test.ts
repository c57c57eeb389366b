import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { FrameSourceSpec } from '../../plan/frame-source.js';
import type { FrameLink } from '../machine.js';
import { frameSource } from './frame-source.js';

const spec = (perSecond: number | 'max'): FrameSourceSpec => ({
  frames: 'broadcast',
  perSecond,
  sizeBytes: 60,
  until: 'end',
});

/** A card that takes `most` frames and then nothing. */
function madeLink(most = Number.POSITIVE_INFINITY): FrameLink & { taken: number } {
  const link = {
    taken: 0,
    received: 0,
    gone: false,
    send(_frame: Buffer, times: number) {
      link.taken += times;
      return link.taken < most;
    },
    ready: () => new Promise<void>(() => undefined),
  };
  return link;
}

void t.test('a rate is kept', async (t) => {
  const link = madeLink();
  const source = frameSource(spec(2000), link);
  t.equal(source.name, 'broadcast frames at 2000/s');
  t.match(source.tally(), { count: 0, forMs: 0 });
  const began = performance.now();
  await source.start();
  await sleep(300);
  await source.stop();
  const most = (2000 * (performance.now() - began)) / 1000;
  t.match(source.tally(), { count: link.taken, failure: undefined });
  t.ok(link.taken > 50, `${link.taken} frames`);
  t.ok(link.taken <= most + 1, `${link.taken} of at most ${most}`);
  const { forMs } = source.tally();
  await sleep(30);
  t.match(source.tally(), { count: link.taken, forMs }, 'nothing comes after the stop');
});

void t.test('max sends until the card is full, and a full card does not keep it from ending', async (t) => {
  const link = madeLink(1000);
  const source = frameSource(spec('max'), link);
  await source.start();
  await sleep(100);
  t.ok(link.taken >= 1000 && link.taken < 1000 + 32, `${link.taken} frames`);
  await source.stop();
  await source.stop();
});

void t.test('it ends by itself when QEMU is gone', async (t) => {
  const source = frameSource(spec('max'), { ...madeLink(), gone: true });
  await source.start();
  await source.stop();
  t.equal(source.tally().count, 0);
});
