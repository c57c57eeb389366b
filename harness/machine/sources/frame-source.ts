import { setTimeout as sleep } from 'node:timers/promises';
import { frameSourceName, type FrameSourceSpec } from '../../plan/frame-source.js';
import type { FrameLink } from '../machine.js';
import { broadcastFrame } from './broadcast-frame.js';
import type { Source } from './source.js';

/** Frames of one write: few enough that a card's ring is not behind for long. */
const MOST_AT_ONCE = 32;
const SHORTEST_PAUSE_MS = 2;

/**
 * Broadcast frames to a guest's card: each makes the card ask for an interrupt, whatever kernel is there to hear it. A
 * card that takes nothing is waited for, and frames that a rate would have sent meanwhile are not made up for. The
 * last few that are counted may still wait in the socket. Serves every accelerator: the card's backend is QEMU's own.
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
        // A socket that is never full would starve everything else in this process.
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
