import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Turns the first signal into an abort; the second one leaves at once (QEMU is killed on exit all the same). */
export interface Interruptible {
  readonly signal: AbortSignal;
  readonly caught: { readonly name: string; readonly number: number } | undefined;
  /** Gives the signals their usual meaning back. */
  release(): void;
}

/** Starts to listen for SIGINT, SIGTERM and SIGHUP. */
export function interruptible(): Interruptible {
  const controller = new AbortController();
  let caught: { name: string; number: number } | undefined;
  const onSignal = (name: (typeof SIGNALS)[number]) => {
    const number = constants.signals[name];
    if (caught !== undefined) process.exit(128 + number);
    caught = { name, number };
    controller.abort(name);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    get caught() {
      return caught;
    },
    release() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
