/** Reads what the lab's host prints while it boots (images/lab). Pure. */

/** How far the boot has come. */
export interface BootProgress {
  /** One line per step reached, in order. */
  readonly steps: readonly string[];
  /** True when the ssh server was started, with KVM. */
  readonly isUp: boolean;
  /** Why it cannot come up any more. */
  readonly failure?: string;
}

const LINE = /^lab: (.*?)\r?$/;
const DEAD = /Kernel panic - not syncing.*|Unable to mount root fs.*/;

/** Reads the serial port's text, of which the last line may be incomplete. */
export function readBoot(serial: string): BootProgress {
  const steps: string[] = [];
  for (const line of serial.split('\n').slice(0, -1)) {
    const step = LINE.exec(line)?.[1];
    const failure = step?.startsWith('failed: ') === true ? step.slice(8) : DEAD.exec(line)?.[0];
    if (failure !== undefined) return { steps, isUp: false, failure: failure.trim() };
    if (step !== undefined) steps.push(step);
  }
  return { steps, isUp: steps.includes('ssh server is up') };
}
