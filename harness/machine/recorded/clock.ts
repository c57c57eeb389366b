import type { Clock } from '../clock.js';

/** A clock that is advanced explicitly; timers fire, in order, when it passes them. */
export class SteppedClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly act: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(forMs: number, act: () => void): () => void {
    const timer = { atMs: this.#nowMs + forMs, act };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** When the next timer is due; undefined without any. */
  get nextMs(): number | undefined {
    const due = [...this.#timers].map(({ atMs }) => atMs);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** Advances the clock; the timers due until then fire, in order. */
  forwardTo(untilMs: number): void {
    for (;;) {
      const next = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.act();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }
}
