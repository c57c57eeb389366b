import picocolors from 'picocolors';
import type { CheckStatus, DoctorReport } from './check.js';

/** Options of the report's text. */
export interface FormatOptions {
  /** Colour the status words with terminal sequences. */
  readonly color: boolean;
}

const CONCLUSION: Readonly<Record<CheckStatus, string>> = {
  ok: 'crashpath can run here.',
  warn: 'crashpath can run here; see the warnings.',
  fail: 'crashpath cannot run here until the failures are fixed.',
};

/**
 * A report as text for people: one line a check, `status  name  what was found`, with the remedy at the end of
 * each warning and failure, and a conclusion. Ends with a newline. Pure.
 */
export function formatDoctor(report: DoctorReport, { color }: FormatOptions): string {
  const colors = picocolors.createColors(color);
  const paint = { ok: colors.green, warn: colors.yellow, fail: colors.red };
  const width = Math.max(0, ...report.checks.map((check) => check.name.length));
  const lines = report.checks.map((check) => {
    const remedy = check.status === 'ok' ? '' : `; ${check.remedy}`;
    return `${paint[check.status](check.status.padEnd(4))}  ${check.name.padEnd(width)}  ${check.found}${remedy}`;
  });
  return `${[...lines, '', paint[report.status](CONCLUSION[report.status])].join('\n')}\n`;
}
