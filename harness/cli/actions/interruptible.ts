import { constants } from 'node:os';
import { relative } from 'node:path';
import { complain } from '../context.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal that was caught. */
interface Caught {
  readonly name: string;
  readonly number: number;
}

/** Turns the first signal into an abort; the second one exits at once (QEMU is killed on exit anyway). */
export interface Interruptible {
  readonly signal: AbortSignal;
  readonly caught: Caught | undefined;
  /** Restores the signals' default handling. */
  release(): void;
}

/** Starts to listen for SIGINT, SIGTERM and SIGHUP. */
export function interruptible(): Interruptible {
  const controller = new AbortController();
  let caught: Caught | undefined;
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

type ResumableCommand = 'run' | 'hunt' | 'compare' | 'sweep' | 'bisect' | 'crashkernel-size';

/** Prints how a stopped campaign is resumed; `command` is the one that began it. Returns the exit code. */
export function stoppedBy(
  { name, number }: Caught,
  { command, directory }: { command: ResumableCommand; directory: string },
): number {
  const resume = `crashpath ${command} --resume ${relative('.', directory)}`;
  complain(`crashpath: stopped by ${name}; to resume: ${resume}`);
  return 128 + number;
}
