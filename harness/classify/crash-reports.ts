import type { EventOf, RunEvent, Side } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import type { VerdictWord } from '../model/verdict.js';

/** The kernel whose own reports explain a verdict. */
const SIDE: Partial<Record<VerdictWord, Side>> = {
  'crash-path-hang': 'production',
  'crash-path-reset': 'production',
  'purgatory-hang': 'production',
  'capture-hang': 'capture',
  'capture-reset': 'capture',
  'capture-panic': 'capture',
};
/** Cited of one kernel: what follows the first reports is mostly their consequence. */
const MOST = 4;

/**
 * What a kernel reported of itself on its way to the end: an oops, a BUG or a warning after the panic (in the crashed
 * kernel, where they are faults of the crash path; the trigger's own report comes before the panic), or at any time in
 * the capture kernel. A part of a sentence, empty when there is none, and the evidence.
 */
export function crashReports(
  word: VerdictWord,
  events: readonly RunEvent[],
): { readonly text: string; readonly evidence: readonly RunEvent[] } {
  const side = SIDE[word];
  if (side === undefined) return { text: '', evidence: [] };
  const panic = events.findIndex((event) => event.type === 'panic' && event.side === 'production');
  if (side === 'production' && panic < 0) return { text: '', evidence: [] };
  const after = side === 'production' ? events.slice(panic + 1) : events;
  const reports = after
    .filter((event): event is EventOf<'oops'> => event.type === 'oops' && event.side === side)
    .slice(0, MOST);
  const [first] = reports;
  if (first === undefined) return { text: '', evidence: [] };
  const said = escapeGuestText(first.message, 160);
  const when = side === 'production' ? 'while it crashed' : 'before';
  return { text: `; the kernel reported "${said}" ${when}`, evidence: reports };
}
