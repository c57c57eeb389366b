import type { Outcome } from '../model/verdict.js';
import { html, type Markup } from './html.js';

/** The report's style sheet: a light and a dark palette, no external font or image. */
export const STYLE = `
:root { color-scheme: light dark;
  --page: #f6f5f1; --card: #fffefb; --ink: #23252b; --quiet: #666a73; --line: #dedbd2; --code: #f0eee7;
  --good: #1c7a45; --bad: #c02b2b; --doubt: #8d6500; --broken: #9a2f9a;
  --good-wash: #e0f1e5; --bad-wash: #fbe3e0; --doubt-wash: #f8edcb; --broken-wash: #f5e2f5;
  --first: #3f6ca8; --crash: #b65a18; --capture: #2f7d55; --tail: #77746c; --on: #fff; }
@media (prefers-color-scheme: dark) { :root {
  --page: #16181d; --card: #1e2127; --ink: #e6e6e3; --quiet: #9a9ea8; --line: #343841; --code: #14161a;
  --good: #6fd096; --bad: #ff8a80; --doubt: #ecc34f; --broken: #e394e3;
  --good-wash: #1b3527; --bad-wash: #44211f; --doubt-wash: #3a3116; --broken-wash: #3b203b;
  --first: #3f6da8; --crash: #b96020; --capture: #2f7f56; --tail: #5b5e66; --on: #fff; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .84em; overflow-wrap: anywhere; }
h1 { margin: 0 0 1rem; font-size: 2rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
h4 { margin: 1rem 0 .4rem; font-size: .95rem; }
h4 .quiet { font-weight: normal; }
p { margin: .4rem 0; }
.brand { margin: 0; color: var(--quiet); font-weight: 600; letter-spacing: .06em; }
.quiet { color: var(--quiet); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tally { display: flex; gap: 3px; height: 14px; }
.tally span { border-radius: 4px; min-width: 8px; }
.tally .expected { background: var(--good); } .tally .unexpected { background: var(--bad); }
.tally .inconclusive { background: var(--doubt); } .tally .harness-error { background: var(--broken); }
.counts { font-size: 1.05rem; margin: .6rem 0 1.2rem; }
.chip { display: inline-block; padding: .05rem .6rem; border-radius: 99px; font-size: .88rem; font-weight: 600;
  white-space: nowrap; }
.chip.expected, .trials .expected { background: var(--good-wash); color: var(--good); }
.chip.unexpected, .trials .unexpected { background: var(--bad-wash); color: var(--bad); }
.chip.inconclusive, .trials .inconclusive { background: var(--doubt-wash); color: var(--doubt); }
.chip.harness-error, .trials .harness-error { background: var(--broken-wash); color: var(--broken); }
.facts { display: flex; flex-wrap: wrap; gap: .4rem 2.2rem; margin: 0; font-size: .92rem; }
.facts div { max-width: 40rem; }
.facts dt { color: var(--quiet); font-size: .8rem; }
.facts dd { margin: 0; }
table { border-collapse: collapse; width: 100%; }
.verdicts { background: var(--card); border: 1px solid var(--line); border-radius: 10px; border-spacing: 0;
  border-collapse: separate; overflow: hidden; }
.verdicts th, .verdicts td { padding: .55rem .8rem; text-align: left; vertical-align: top; }
.verdicts .number { text-align: right; }
.verdicts tbody tr > * { border-top: 1px solid var(--line); }
.verdicts tbody th, .verdicts td { overflow-wrap: anywhere; }
thead th { color: var(--quiet); font-size: .8rem; font-weight: 500; }
.verdict { display: block; white-space: nowrap; }
.trials { line-height: 2; }
.trials a { display: inline-block; min-width: 1.8em; padding: 0 .4em; border-radius: 6px; line-height: 1.6;
  text-align: center; text-decoration: none; font-size: .88rem; font-weight: 600; }
.trials a.unexpected { text-decoration: underline; }
.trials a:hover, .trials a:focus-visible { outline: 2px solid currentColor; }
.campaign-table a.chip { text-decoration: none; }
.campaign-table .verdict { white-space: normal; }
.arguments { font-size: .92rem; }
.arguments dt { margin-top: .8rem; } .arguments dd { margin: .15rem 0 0 1.2rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .85rem; margin-bottom: .8rem; }
.run { background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--good);
  border-radius: 10px; margin: .6rem 0; }
.run.unexpected { border-left-color: var(--bad); } .run.inconclusive { border-left-color: var(--doubt); }
.run.harness-error { border-left-color: var(--broken); }
.run:target { outline: 2px solid var(--first); }
summary { display: grid; grid-template-columns: 1.2rem minmax(12rem, 1fr) minmax(0, 1.4fr) auto; gap: 0 .7rem;
  padding: .6rem .9rem; cursor: pointer; list-style: none; align-items: baseline; }
summary::-webkit-details-marker { display: none; }
summary > * { overflow-wrap: anywhere; }
summary .mark { font-weight: 700; color: var(--good); }
.unexpected .mark { color: var(--bad); } .inconclusive .mark { color: var(--doubt); }
.harness-error .mark { color: var(--broken); }
.body { padding: .2rem .9rem .8rem; border-top: 1px solid var(--line); }
.explanation { font-size: 1.1rem; margin-top: .7rem; overflow-wrap: anywhere; }
.bar { display: flex; gap: 2px; height: 3rem; margin: .9rem 0; }
.bar span { flex: 1 1 0; min-width: 7px; border-radius: 4px; overflow: hidden; color: var(--on); }
.bar b, .bar i { display: block; padding: 0 .4rem; font-size: .78rem; line-height: 1.35; font-style: normal;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.bar b { padding-top: .3rem; }
.first { --hue: var(--first); } .crash { --hue: var(--crash); } .capture { --hue: var(--capture); }
.observed { background: var(--hue); }
.implied { background: repeating-linear-gradient(45deg, var(--hue) 0 3px, transparent 3px 6px); }
.bar .implied { box-shadow: inset 0 0 0 1px var(--hue); color: var(--ink); }
.tail { background: var(--tail); }
.unexpected .tail { background: var(--bad); } .unexpected .bar .tail { color: var(--page); }
.dot { display: inline-block; width: .8em; height: .8em; margin-right: .5em; border-radius: 3px;
  vertical-align: -.05em; }
.dot.implied { box-shadow: inset 0 0 0 1px var(--hue); }
.dot.not-reached { box-shadow: inset 0 0 0 1px var(--line); }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 2rem; }
.ladder { font-size: .88rem; }
.ladder th, .ladder td { white-space: nowrap; padding: .12rem .5rem .12rem 0; text-align: left; font-weight: normal; }
.ladder .number { text-align: right; padding-right: 1rem; }
.ladder .not-reached { color: var(--quiet); }
.ladder .end > * { border-block: 1px solid var(--line); font-weight: 600; }
.evidence { margin: 0; padding: 0; list-style: none; font-size: .9rem; }
.evidence li { padding: .15rem 0 .5rem; }
pre { margin: 0; padding: .8rem; background: var(--code); border: 1px solid var(--line); border-radius: 8px;
  overflow-x: auto; font-size: .8rem; line-height: 1.45; overflow-wrap: normal; }
.at { color: var(--quiet); user-select: none; padding-right: .6em; }
.foot { margin-top: .9rem; font-size: .85rem; overflow-wrap: anywhere; }
@media (max-width: 46rem) {
  h1 { font-size: 1.5rem; }
  .columns { grid-template-columns: minmax(0, 1fr); }
  .verdicts thead { display: none; }
  .verdicts tbody tr { display: block; padding: .5rem .8rem; border-top: 1px solid var(--line); }
  .verdicts tbody tr:first-child { border-top: 0; }
  .verdicts tbody tr > th, .verdicts tbody tr > td { display: block; padding: .1rem 0; border: 0; text-align: left; }
  .verdicts tbody td.number { text-align: left; }
  .verdicts td::before { content: attr(data-name) " "; color: var(--quiet); font-size: .8rem; }
  summary { grid-template-columns: 1.2rem minmax(0, 1fr) auto; }
  summary .where { grid-column: 2 / -1; grid-row: 2; font-size: .9rem; }
  .ladder { font-size: .82rem; } .ladder .number { padding-right: .6rem; }
  .bar { height: 2.4rem; gap: 1px; } .bar span { min-width: 5px; border-radius: 2px; }
}
@media print { .run { break-inside: avoid; } }
`;

/** Marks in addition to the colours, for readers who cannot distinguish them. */
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
