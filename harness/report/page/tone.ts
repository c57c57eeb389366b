import type { NightWord } from '../../model/night-verdict.js';
import type { Outcome } from '../../model/verdict.js';
import type { CellState } from '../campaign-table.js';
import { html, type Markup } from './html.js';

/** A colour of the page. No statement is made by colour alone: each has a mark and a word. */
export type Tone = 'good' | 'bad' | 'doubt' | 'broken' | 'plain';

/** How something is shown: its colour, its mark, its word. */
export interface Shown {
  readonly tone: Tone;
  readonly mark: string;
  readonly word: string;
}

const MARKS = { check: '\u2713', cross: '\u2717', question: '?', bang: '!', rise: '\u2191', same: '=' };

export const OUTCOME_SHOWN: Readonly<Record<Outcome, Shown>> = {
  expected: { tone: 'good', mark: MARKS.check, word: 'expected' },
  unexpected: { tone: 'bad', mark: MARKS.cross, word: 'unexpected' },
  inconclusive: { tone: 'doubt', mark: MARKS.question, word: 'inconclusive' },
  'harness-error': { tone: 'broken', mark: MARKS.bang, word: 'harness error' },
};

export const STATE_SHOWN: Readonly<Record<CellState, Shown>> = {
  unexpected: { tone: 'bad', mark: MARKS.cross, word: 'unexpected' },
  'harness-error': { tone: 'broken', mark: MARKS.bang, word: 'harness error' },
  void: { tone: 'doubt', mark: MARKS.question, word: 'inconclusive' },
  unfinished: { tone: 'doubt', mark: '\u2026', word: 'not finished' },
  'void-explained': { tone: 'plain', mark: MARKS.question, word: 'explained void' },
  'as-expected': { tone: 'good', mark: MARKS.check, word: 'as expected' },
};

export const NIGHT_SHOWN: Readonly<Record<NightWord, Shown>> = {
  regressed: { tone: 'bad', mark: MARKS.cross, word: 'regressed' },
  suspect: { tone: 'doubt', mark: MARKS.bang, word: 'suspect' },
  'cannot-tell': { tone: 'doubt', mark: MARKS.question, word: 'cannot tell' },
  fixed: { tone: 'good', mark: MARKS.rise, word: 'fixed' },
  unchanged: { tone: 'plain', mark: MARKS.same, word: 'unchanged' },
};

/** A control of a night: it held, or the night is blind. */
export const CONTROL_SHOWN = {
  held: { tone: 'good', mark: MARKS.check, word: 'control held' },
  failed: { tone: 'bad', mark: MARKS.cross, word: 'control failed' },
} as const satisfies Record<string, Shown>;

/** A chip with mark and word, and text before the word when given (a count). */
export function chip({ tone, mark, word }: Shown, before = ''): Markup {
  return html`<span class="chip ${tone}"><span aria-hidden="true">${mark}</span> ${before}${word}</span>`;
}
