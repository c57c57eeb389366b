import { type GdbObservation, type ObservationBody } from './observation.js';
import type { GdbDirection, LinkOptions } from './options.js';
import type { GdbStop } from './stop-log.js';

/** What is told to the caller's listeners, and the bounded memory of observations. A listener's error harms nobody. */
export class Reports {
  readonly observations: GdbObservation[] = [];
  dropped = 0;
  readonly #options: LinkOptions;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** A packet went by. */
  packet(direction: GdbDirection, text: string): void {
    this.#call('onPacket', () => this.#options.onPacket?.(direction, text, this.#options.now()));
  }

  /** The guest stopped. */
  stop(stop: GdbStop): void {
    this.#call('onStop', () => this.#options.onStop?.(stop));
  }

  /** Something that the protocol does not foresee. */
  observe(body: ObservationBody): void {
    const observation: GdbObservation = { ...body, atMs: this.#options.now() };
    this.observations.push(observation);
    if (this.observations.length > this.#options.observationsKept) {
      this.observations.shift();
      this.dropped += 1;
    }
    // A throwing observer is not observed in turn, or it would be called for ever.
    const quietly = body.kind === 'listener-threw' && body.listener === 'onObservation';
    if (!quietly) this.#call('onObservation', () => this.#options.onObservation?.(observation));
  }

  #call(listener: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.observe({ kind: 'listener-threw', listener, error });
    }
  }
}
