/** The time of a run: recorded times and deadlines follow it. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Calls `act` once, after `forMs`; the returned function cancels that. */
  after(forMs: number, act: () => void): () => void;
}
