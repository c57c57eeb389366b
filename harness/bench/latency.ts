import { readRegisters } from '../hmp/registers.js';
import type { RunEvent } from '../model/event.js';
import type { RunRecord } from '../model/record.js';
import { median } from '../stats/median.js';

/**
 * How long after the last progress a hang was proved, in milliseconds; null when no hang was. Progress is a byte on
 * either channel, or a vCPU at an instruction address that no earlier sample showed. Pure.
 */
export function provedAfterMs(records: readonly RunRecord[], events: readonly RunEvent[]): number | null {
  const hang = events.find(({ type }) => type === 'hang');
  if (hang === undefined) return null;
  const seen = new Set<string>();
  let progressMs = 0;
  for (const record of records) {
    if (record.kind === 'chunk') {
      if (record.atMs <= hang.atMs) progressMs = Math.max(progressMs, record.atMs);
    } else if (record.kind === 'sample' && record.record.atMs <= hang.atMs) {
      if (isNewPlace(record.record.text, seen)) progressMs = Math.max(progressMs, record.record.atMs);
    }
  }
  return Math.round(hang.atMs - progressMs);
}

/** Adds the addresses of a sample to those that are known; whether one of them was not. */
function isNewPlace(text: string, seen: Set<string>): boolean {
  const known = seen.size;
  for (const { execution } of readRegisters(text)) if (execution !== undefined) seen.add(`${execution.ip}`);
  return seen.size > known;
}

/** The middle and the worst of some latencies, milliseconds; undefined for none. Pure. */
export function latencySummary(
  latencies: readonly number[],
): { readonly medianMs: number; readonly worstMs: number; readonly count: number } | undefined {
  if (latencies.length === 0) return undefined;
  const worstMs = Math.max(...latencies);
  return { medianMs: Math.round(median(latencies)), worstMs, count: latencies.length };
}
