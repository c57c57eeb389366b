import { type Limits, waitWithin } from './limits.js';

/** A queue: operations of several packets must not mix. */
export class Turns {
  #tail: Promise<void> = Promise.resolve();

  /** Runs `run` when it is its turn; waiting counts against the deadline. */
  async take<T>(limits: Limits, run: () => Promise<T>): Promise<T> {
    const turn = waitWithin<void>(limits, 'earlier operations did not end');
    let finish: () => void = () => {};
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const before = this.#tail;
    this.#tail = before.then(() => done);
    void before.then(() => turn.resolve());
    try {
      await turn.promise;
      return await run();
    } finally {
      finish();
    }
  }
}
