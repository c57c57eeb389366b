import { escapeGuestText } from '../model/escape.js';
import type { HostFact } from '../model/record.js';

export type KernelLog = Extract<HostFact, { fact: 'kernel-log' }>;

/** Lines of a log that are shown: the report of a panic has some 30. */
const MOST_LINES = 40;
const LINE_BYTES = 200;

/** The end of a kernel's log. */
export interface LogExcerpt {
  readonly side: KernelLog['side'];
  /** Escaped. */
  readonly lines: readonly string[];
  /** Lines of the whole recorded log. */
  readonly total: number;
}

/**
 * The ends of the logs that were read from memory and that the console did not show: those whose last line it does not
 * hold. The latest reading of each kernel counts. Pure.
 */
export function silentLogs(logs: readonly KernelLog[], consoleBytes: Buffer): LogExcerpt[] {
  return (['production', 'capture'] as const).flatMap((side) => {
    const log = logs.findLast((one) => one.side === side);
    const lines = log?.text.trimEnd().split('\n') ?? [];
    const last = lines.at(-1) ?? '';
    if (last === '' || consoleBytes.includes(last, 0, 'latin1')) return [];
    const shown = lines.slice(-MOST_LINES).map((line) => escapeGuestText(line, LINE_BYTES));
    return [{ side, lines: shown, total: lines.length }];
  });
}
