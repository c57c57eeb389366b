import type { RunCounts } from './run-counts.js';
import { countOf, roughly, safeName } from './words.js';

/** A guest that runs. */
export interface LiveGuest {
  readonly runId: string;
  /** What it did last: `panic`, `capture userspace is up`. */
  readonly phase: string;
  /** Milliseconds since its run began. */
  readonly ageMs: number;
}

/** A campaign while it runs. */
export interface LiveView {
  readonly guests: readonly LiveGuest[];
  /** Guests at a time; undefined: as many as the host has room for. */
  readonly slots: number | undefined;
  readonly counts: RunCounts;
}

/**
 * The state of a campaign in a few lines: counts, the verdicts so far, the time left, then the guests with their age and
 * phase, oldest first. Every line is shorter than `columns`, and there are at most `rows` of them. The time left rests
 * on the mean length of the runs that ended; there is none before the first has. Pure.
 */
export function liveLines(
  view: LiveView,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): string[] {
  const { guests, slots, counts } = view;
  const verdicts = counts.verdicts.map(([name, count]) => `${count} ${name}`);
  const left = timeLeft(view);
  const head = [
    `${counts.ended} of ${countOf(counts.total, 'run')}`,
    slots === undefined
      ? countOf(guests.length, 'guest')
      : `${guests.length} of ${countOf(slots, 'slot')} in use`,
    ...(left === undefined ? [] : [`about ${left} left`]),
  ].join(', ');
  const room = Math.max(0, rows - (verdicts.length === 0 ? 1 : 2));
  const oldest = guests.toSorted((a, b) => b.ageMs - a.ageMs);
  // The last line says how many are not shown.
  const shown = oldest.length > room ? oldest.slice(0, Math.max(0, room - 1)) : oldest;
  const hidden = oldest.length - shown.length;
  return [
    head,
    ...(verdicts.length === 0 ? [] : [verdicts.join(', ')]),
    ...shown.map(({ runId, phase, ageMs }) => {
      const age = `${Math.floor(ageMs / 1000)} s`.padStart(7);
      return `${age}  ${safeName(runId)}: ${safeName(phase)}`;
    }),
    ...(hidden === 0 || room === 0 ? [] : [`and ${countOf(hidden, 'more guest')}`]),
  ]
    .slice(0, Math.max(1, rows))
    .map((line) => cut(line, columns - 1));
}

/** What is left of the mean run, over all runs that did not end, divided by the slots. */
function timeLeft({
  guests,
  slots = guests.length,
  counts: { ended, total, meanMs },
}: LiveView): string | undefined {
  const left = total - ended;
  if (meanMs === undefined || left <= 0) return undefined;
  const begun = guests.reduce((sum, { ageMs }) => sum + Math.min(ageMs, meanMs), 0);
  return roughly(Math.max(0, meanMs * left - begun) / Math.max(1, Math.min(slots, left)));
}

function cut(line: string, columns: number): string {
  if (line.length <= columns) return line;
  return columns <= 3 ? line.slice(0, Math.max(0, columns)) : `${line.slice(0, columns - 3)}...`;
}
