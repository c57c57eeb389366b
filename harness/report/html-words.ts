import type { Outcome } from '../model/verdict.js';
import { html, type Markup } from './html.js';

/** Marks beside the colours, for those who do not see them. */
export const OUTCOME_MARKS: Readonly<Record<Outcome, string>> = {
  expected: '\u2713',
  unexpected: '\u2717',
  inconclusive: '?',
  'harness-error': '!',
};

/** An outcome as a coloured chip with its mark and word, with a count when given. */
export function outcomeChip(outcome: Outcome, count?: number): Markup {
  const words = count === undefined ? outcome : `${count} ${outcome}`;
  return html`<span class="chip ${outcome}"><span aria-hidden="true">${OUTCOME_MARKS[outcome]}</span> ${words.replace('harness-error', 'harness error')}</span>`;
}
