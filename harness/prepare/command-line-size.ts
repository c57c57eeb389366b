import { escapeHostText } from '../model/escape.js';
import { usageFault } from '../model/fault.js';
import type { RunPlan } from '../plan/run-plan.js';

/**
 * arch/x86/include/asm/setup.h: COMMAND_LINE_SIZE, the terminating zero included. A longer line is truncated silently.
 */
const COMMAND_LINE_SIZE = 2048;

/** Room for what kexec-tools 2.0 adds to a capture kernel's command line on x86-64: `elfcorehdr=0x... ` and the like. */
const KEXEC_RESERVE = 64;

/** Does each kernel see all of its command line? Throws a usage fault when one does not. Pure. */
export function requireFitting({ append, captureAppend }: Pick<RunPlan, 'append' | 'captureAppend'>): void {
  requireAtMost('--append', append, COMMAND_LINE_SIZE - 1);
  requireAtMost('--capture-append', captureAppend, COMMAND_LINE_SIZE - 1 - KEXEC_RESERVE);
}

function requireAtMost(option: string, line: string, most: number): void {
  const length = Buffer.byteLength(line);
  if (/\p{Cc}/u.test(line)) {
    throw usageFault(
      `cannot use the kernel command line "${escapeHostText(line.slice(0, 60))}": it holds a control character; write the scenario's append on one line`,
    );
  }
  if (length <= most) return;
  throw usageFault(
    `cannot use the kernel command line "${line.slice(0, 60)}...": with crashpath's own options it has ${length} bytes and the kernel reads ${most}; shorten ${option} or the scenario's`,
  );
}
