/** The time of a run: recorded times and deadlines follow it. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Calls `act` once, after `forMs`; the function that is returned prevents that. */
  after(forMs: number, act: () => void): () => void;
}

/** The host's own time. */
export const HOST_CLOCK: Clock = {
  nowMs: () => performance.now(),
  after(forMs, act) {
    const timer = setTimeout(act, forMs);
    return () => clearTimeout(timer);
  },
};
