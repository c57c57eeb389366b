/** What a source has done so far. */
export interface Tally {
  /** Messages, pulses or frames sent; for a held line, 1 once it is asserted. */
  readonly count: number;
  /** Milliseconds since it was started. */
  readonly forMs: number;
  /** Why it ended by itself; undefined while it runs. */
  readonly failure: string | undefined;
}

/** An interrupt source outside the guest. */
export interface Source {
  readonly name: string;
  /** Starts; resolves when the first interrupt is on its way. Rejects when it cannot work at all. */
  start(): Promise<void>;
  tally(): Tally;
  /** Stops, and deasserts a line if the machine is still there; idempotent. */
  stop(): Promise<void>;
}
