import type { Clock } from '../machine/clock.js';

/** The host's monotonic clock. */
export const HOST_CLOCK: Clock = {
  nowMs: () => performance.now(),
  after(forMs, act) {
    const timer = setTimeout(act, forMs);
    return () => clearTimeout(timer);
  },
};
