import { setTimeout as sleep } from 'node:timers/promises';
import { frameSourceName, type FrameSourceSpec } from '../../plan/frame-source.js';
import type { FrameLink } from '../machine.js';
import { broadcastFrame } from './broadcast-frame.js';
import type { Source } from './source.js';

/** Frames of one write: few enough that a card's ring catches up soon. */
const MOST_AT_ONCE = 32;
const SHORTEST_PAUSE_MS = 2;

/**
 * Broadcast frames to a guest's card: each makes the card raise an interrupt, whichever kernel runs. When the card
 * takes no frames the source waits, and does not catch up afterwards. The last few frames that are counted may still be
 * in the socket. It works under every accelerator: QEMU implements the card.
 */
export function frameSource(spec: FrameSourceSpec, link: FrameLink): Source {
  const { perSecond } = spec;
  const frame = broadcastFrame(spec.sizeBytes);
  const stopping = new AbortController();
  const { signal } = stopping;
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  let startedMs: number | undefined;
  let endedMs: number | undefined;
  let count = 0;
  let sending = Promise.resolve();

  const deliver = async (times: number): Promise<void> => {
    count += times;
    if (!link.send(frame, times)) await Promise.race([link.ready(), stopped]);
  };
  const send = async (): Promise<void> => {
    let dueFromMs = performance.now();
    while (!signal.aborted && !link.gone) {
      if (perSecond === 'max') {
        await deliver(MOST_AT_ONCE);
        // Without a pause, a socket that is never full would starve the rest of this process.
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      const due = Math.min(MOST_AT_ONCE, Math.floor(((performance.now() - dueFromMs) * perSecond) / 1000));
      if (due > 0) {
        const beforeMs = performance.now();
        await deliver(due);
        dueFromMs += (due * 1000) / perSecond + (performance.now() - beforeMs);
      } else {
        await sleep(SHORTEST_PAUSE_MS, undefined, { signal }).catch(() => {});
      }
    }
    endedMs = performance.now();
  };

  return {
    name: frameSourceName(spec),
    async start() {
      startedMs = performance.now();
      sending = send();
    },
    tally() {
      const nowMs = endedMs ?? performance.now();
      // A QEMU that is gone ends the run by itself: it is no failure of the source.
      return {
        count,
        forMs: startedMs === undefined ? 0 : Math.round(nowMs - startedMs),
        failure: undefined,
      };
    },
    async stop() {
      stopping.abort();
      await sending;
    },
  };
}
