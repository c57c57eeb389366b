import { setTimeout as sleep } from 'node:timers/promises';
import { isNotListeningYet } from './transport.js';

/** Pause between attempts while QEMU has not created its socket; a QEMU needs some 50 ms for that. */
const RETRY_EVERY_MS = 20;

/** How long {@link openWhenListening} tries, and what it then says. */
export interface Patience {
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** Makes the error of a deadline that passed; `why` and `cause` are the last attempt's. */
  readonly tooLate: (why: string, cause: unknown) => Error;
}

/**
 * Opens a connection; while nobody listens yet it tries again until the deadline.
 *
 * @throws what `tooLate` makes, an attempt's own error when trying again is hopeless (e.g. EACCES), the signal's reason.
 */
export async function openWhenListening<Opened>(
  attempt: (signal: AbortSignal) => Promise<Opened>,
  { deadlineMs, signal: given, tooLate }: Patience,
): Promise<Opened> {
  const deadline = AbortSignal.timeout(deadlineMs);
  const signal = given === undefined ? deadline : AbortSignal.any([given, deadline]);
  let lastError: unknown;
  while (!signal.aborted) {
    try {
      return await attempt(signal);
    } catch (error) {
      if (signal.aborted) break;
      if (!isNotListeningYet(error)) throw error;
      lastError = error;
    }
    // An abort ends the pause early; the loop's condition sees it.
    await sleep(RETRY_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  given?.throwIfAborted();
  throw tooLate(lastError instanceof Error ? lastError.message : 'no answer', lastError);
}
