import type { EventOf, RunEvent, Side } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import type { VerdictWord } from '../model/verdict.js';

/** The kernels whose own reports explain a verdict. */
const SIDES: Partial<Record<VerdictWord, readonly Side[]>> = {
  'crash-path-hang': ['production'],
  'crash-path-reset': ['production'],
  'purgatory-hang': ['production'],
  'capture-hang': ['capture'],
  'capture-reset': ['capture'],
  'capture-panic': ['capture'],
  'no-panic': ['production'],
  'cannot-tell': ['production', 'capture'],
};
/** Cited of one kernel: what follows the first reports is mostly their consequence. */
const MOST = 4;

/** A report of a kernel about itself. */
type Report = EventOf<'oops'> | EventOf<'panic'>;

/**
 * What a kernel reported of itself on its way to the end: an oops, a BUG, a warning or another panic after the panic (in
 * the crashed kernel, where they are faults of the crash path; the trigger's own report comes before the panic), or an
 * oops in the capture kernel. A part of a sentence, empty when there is none, and the evidence.
 */
export function crashReports(
  word: VerdictWord,
  events: readonly RunEvent[],
): { readonly text: string; readonly evidence: readonly RunEvent[] } {
  const sides = SIDES[word] ?? [];
  const panic = events.findIndex((event) => event.type === 'panic' && event.side === 'production');
  const reports = events
    .filter((event, index): event is Report => {
      if (event.type === 'oops' && event.side === 'capture') return sides.includes('capture');
      const isReport = event.type === 'oops' || event.type === 'panic';
      return (
        isReport && event.side === 'production' && sides.includes('production') && panic >= 0 && index > panic
      );
    })
    .slice(0, MOST);
  const [first] = reports;
  if (first === undefined) return { text: '', evidence: [] };
  const message = first.type === 'panic' ? `Kernel panic - not syncing: ${first.message}` : first.message;
  const when = first.side === 'capture' ? 'before' : word === 'no-panic' ? 'after that' : 'while it crashed';
  return {
    text: `; the kernel reported "${escapeGuestText(message, 160)}" ${when}`,
    evidence: reports,
  };
}
