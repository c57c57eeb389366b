/** For tests: lines of a console, and the events read from them. */
import { createConsoleReader } from '../../timeline/console.js';

/** First line of a kernel, its command line as a capture kernel has it and as the first has it, and a panic. */
export const BANNER = '[    0.000000] Linux version 6.1.0-56-amd64 (x@y) #1 SMP';
export const CAPTURE_LINE = '[    0.000000] Command line: console=ttyS0 elfcorehdr=0x26f00000';
export const FIRST_LINE = '[    0.000000] Command line: console=ttyS0 crashkernel=192M';
export const PANIC = '[   10.123456] Kernel panic - not syncing: sysrq triggered crash';

/** The types of the events that a console gives, with the sides where there are any. */
export function read(...lines: string[]): string[] {
  const reader = createConsoleReader();
  return lines.flatMap((line) =>
    reader.line(line).map((event) => ('side' in event ? `${event.type} ${event.side}` : event.type)),
  );
}
