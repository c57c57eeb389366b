/** The limits of a wait. */
export interface WaitLimits {
  /** Milliseconds until the wait fails with `timeoutError()`; more than 0 and less than 2^31. */
  readonly deadlineMs: number;
  /** Fails the wait with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutError: () => Error;
  /** Called once when the wait is over, in any case, before its promise settles. */
  readonly onOver?: (() => void) | undefined;
}

/** A promise that always settles: by `resolve`, `reject`, its deadline or its signal; the first one counts. */
export interface BoundedWait<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Largest delay that Node's timers honour; beyond it they fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Starts a wait. An already aborted signal fails it at once.
 *
 * @throws RangeError when `deadlineMs` is not usable as a deadline.
 */
export function boundedWait<T>(limits: WaitLimits): BoundedWait<T> {
  const { deadlineMs, signal } = limits;
  if (!(deadlineMs > 0 && deadlineMs <= MAX_TIMER_MS)) {
    throw new RangeError(`cannot wait for "${deadlineMs}" ms: a deadline is between 0 and ${MAX_TIMER_MS}`);
  }
  let settle: { resolve: (value: T) => void; reject: (error: unknown) => void } | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  const finish = (act: (settlers: NonNullable<typeof settle>) => void): void => {
    const settlers = settle;
    if (settlers === undefined) return;
    settle = undefined;
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    limits.onOver?.();
    act(settlers);
  };
  const reject = (error: unknown): void => finish((settlers) => settlers.reject(error));
  const abort = (): void => reject(signal?.reason);
  const timer = setTimeout(() => reject(limits.timeoutError()), deadlineMs);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  return { promise, resolve: (value) => finish((settlers) => settlers.resolve(value)), reject };
}
