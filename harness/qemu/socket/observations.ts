/** A callback of the caller threw; the connection stays open. */
export interface ListenerThrew {
  readonly kind: 'listener-threw';
  readonly listener: string;
  readonly error: unknown;
}

/** An observation with its time: monotonic host milliseconds, from the client's `now`. */
export type Observed<Body> = (Body | ListenerThrew) & { readonly atMs: number };

/** Options of {@link Observations}. */
export interface ObservationOptions<Body> {
  /** How many are kept; the oldest is dropped first and counted. */
  readonly observationsKept: number;
  readonly now: () => number;
  readonly onObservation?: ((observation: Observed<Body>) => void) | undefined;
}

/** A bounded log of deviations from a protocol. It calls the caller's listeners and catches their errors. */
export class Observations<Body> {
  readonly kept: Observed<Body>[] = [];
  dropped = 0;
  readonly #options: ObservationOptions<Body>;

  constructor(options: ObservationOptions<Body>) {
    this.#options = options;
  }

  /** Keeps an observation and reports it. */
  observe(body: Body | ListenerThrew): void {
    const observation: Observed<Body> = { ...body, atMs: this.#options.now() };
    this.kept.push(observation);
    if (this.kept.length > this.#options.observationsKept) {
      this.kept.shift();
      this.dropped += 1;
    }
    // The error of an observer is not reported to it again: that would never end.
    const isObserversOwn = isListenerThrew(body) && body.listener === 'onObservation';
    if (!isObserversOwn) this.call('onObservation', () => this.#options.onObservation?.(observation));
  }

  /** Runs a listener of the caller; an error that it throws becomes an observation. */
  call(listener: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.observe({ kind: 'listener-threw', listener, error });
    }
  }
}

function isListenerThrew(body: unknown): body is ListenerThrew {
  return typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'listener-threw';
}
