import { readProcInterrupts } from './proc-interrupts.js';
import type { Exercise } from '../model/event.js';

/** How many of a guest's rows are read; a card has a handful. */
const MAX_ROWS = 64;

/**
 * Reads what the capture init (images/init/exercise.sh) reports about the network device that it drove: rows of
 * /proc/interrupts before it was brought up and after. A row that was not there before began at 0.
 */
export function readExercise(report: {
  device: string;
  before: string;
  after: string;
  received: number;
}): Exercise {
  const before = countsOf(report.before);
  const after = countsOf(report.after);
  let interrupts = 0;
  for (const [row, count] of after) interrupts += Math.max(0, count - (before.get(row) ?? 0));
  return { device: report.device, interrupts, rows: report.after, received: report.received };
}

/** Sum over the CPUs by the row's number: `11` of ` 11:   5   0   IO-APIC  11-fasteoi   eth0`. */
function countsOf(text: string): Map<string, number> {
  const head = text.split('\n').slice(0, MAX_ROWS).join('\n');
  const numbered = readProcInterrupts(head).filter(({ row }) => /^\d+$/.test(row));
  return new Map(numbered.map(({ row, count }) => [row, count]));
}
