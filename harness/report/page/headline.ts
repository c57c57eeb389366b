import type { NightVerdicts, NightWord } from '../../model/night-verdict.js';
import type { ComparisonObject } from '../../stats/comparison-json.js';
import { rowName } from '../campaign-table-text.js';
import { outcomeCounts, outcomeSentence } from '../summary.js';
import { sweptFor } from '../../sweep/swept-run.js';
import { lockListLines } from '../lock-list.js';
import { locksHeadline } from '../lock-headline.js';
import { countOf, safeCommand, safeName, safeSentence } from '../words.js';
import { html, type Markup } from './html.js';
import { cellsOf, type Matrix, type MatrixCell, nightRate } from './matrix.js';
import type { PageInput } from './page-input.js';
import { rateSentence } from './rate.js';
import type { RunIds } from './run-ids.js';
import { chip, NIGHT_SHOWN, OUTCOME_SHOWN, type Tone } from './tone.js';

/** Cells that are named, of a night and of anything else; the matrix has them all. */
const NAMED_OF_NIGHT = 40;
const NAMED = 10;

/** What the reader must know first, as the title of the page's contents, in words. */
export function headlineWords(input: PageInput, matrix: Matrix): string {
  const { night, comparison, sweep, locks, results } = input;
  if (night !== undefined) return nightWords(night);
  if (comparison !== undefined) return sentenceCase(safeSentence(comparison.conclusion));
  if (sweep !== undefined) return sweepWords(sweep);
  if (locks !== undefined) return locksHeadline(locks);
  if (results.length === 0) return 'No run came to a result';
  if (isMapless(input)) return 'No map here: these are the runs of a sweep';
  const bad = notAsExpected(matrix);
  const all = cellsOf(matrix).length;
  if (bad.length > 0) return `${bad.length} of ${countOf(all, 'cell')} not as expected`;
  return `Nothing unexpected in ${countOf(all, 'cell')}`;
}

function nightWords({ blind, cells }: NightVerdicts): string {
  if (blind) return 'This night is blind';
  const count = (word: NightWord) => cells.filter((cell) => cell.word === word).length;
  const regressed = count('regressed');
  const rest = (['suspect', 'cannot-tell', 'fixed'] as const).flatMap((word) =>
    count(word) === 0 ? [] : [`${count(word)} ${NIGHT_SHOWN[word].word}`],
  );
  const first = regressed === 0 ? 'Nothing regressed' : `${countOf(regressed, 'cell')} regressed`;
  return [first, ...rest].join(', ');
}

function sweepWords({ maps, comparison }: NonNullable<PageInput['sweep']>): string {
  const [first] = maps;
  if (comparison !== undefined)
    return comparison.moved ? 'The maps differ' : 'Nothing moved between the maps';
  if (first === undefined) return 'No map';
  if (first.windows.length === 0) return 'No window in which an NMI prevents the capture';
  return `${countOf(first.windows.length, 'window')} in which an NMI prevents the capture`;
}

function sentenceCase(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** Runs of a sweep that was stopped, or that are reported without their map. */
function isMapless({ sweep, locks, results }: PageInput): boolean {
  if (sweep !== undefined || locks !== undefined) return false;
  return results.length > 0 && results.every(({ scenario }) => sweptFor(scenario) !== undefined);
}

/** The tones of cells that a campaign neither expects nor explains, worst first. */
const NOT_EXPECTED: readonly Tone[] = ['bad', 'broken', 'doubt'];

function notAsExpected(matrix: Matrix): MatrixCell[] {
  const cells = cellsOf(matrix);
  return NOT_EXPECTED.flatMap((tone) => cells.filter(({ shown }) => shown.tone === tone));
}

/** The top of the page: why a night is blind before anything else, then the headline, the counts, what is behind it. */
export function headlineSection(input: PageInput, { matrix, ids }: { matrix: Matrix; ids: RunIds }): Markup {
  const { night, comparison, results } = input;
  const counts = outcomeCounts(results).map(([outcome, count]) => chip(OUTCOME_SHOWN[outcome], `${count} `));
  const tone = headlineTone(input, matrix);
  const items =
    night !== undefined
      ? nightItems(night)
      : comparison !== undefined
        ? comparisonItems(comparison)
        : input.locks !== undefined
          ? locksItems(input.locks)
          : unexpectedItems(matrix, { input, ids });
  return html`${night?.blind === true ? blindBanner(night) : undefined}<header class="top">
<p class="brand">crashpath <span class="quiet">${safeName(input.title)}</span></p>
<h1 class="${tone}">${headlineWords(input, matrix)}</h1>
<p class="counts" aria-label="${outcomeSentence(results)}"><b>${countOf(results.length, 'run')}</b> ${counts.map((one) => html`${one} `)}</p>
${night?.outOfBudget === true ? html`<p class="note">The budget ended the night before all that was planned had run.</p>\n` : undefined}${items}</header>
`;
}

function headlineTone(input: PageInput, matrix: Matrix): string {
  const { night, comparison, sweep, locks, results } = input;
  if (night !== undefined) {
    if (night.blind || night.cells.some(({ word }) => word === 'regressed')) return 'bad';
    return night.cells.some(({ word }) => word === 'suspect' || word === 'cannot-tell') ? 'doubt' : 'good';
  }
  if (comparison !== undefined) {
    if (comparison.conclusion.startsWith('candidate regresses')) return 'bad';
    return comparison.conclusion.startsWith('candidate fixes') ? 'good' : 'doubt';
  }
  if (sweep !== undefined || locks !== undefined || results.length === 0 || isMapless(input)) return 'plain';
  const bad = notAsExpected(matrix);
  if (bad.length === 0) return 'good';
  return bad.some(({ shown }) => shown.tone === 'bad') ? 'bad' : 'doubt';
}

function blindBanner({ blindBecause }: NightVerdicts): Markup {
  const reasons = blindBecause.map((reason) => html`<li>${safeSentence(reason)}</li>\n`);
  return html`<div class="blind" role="alert"><strong><span aria-hidden="true">\u2717</span> Blind: a control failed. Nothing that this night says of a kernel can be trusted.</strong>
<ul>${reasons}</ul></div>
`;
}

const TOLD: readonly NightWord[] = ['regressed', 'suspect', 'fixed', 'cannot-tell'];

/** Each cell that is not unchanged: why, its rates and those of its baselines, and how to run it again. */
function nightItems({ cells }: NightVerdicts): Markup | undefined {
  const told = TOLD.flatMap((word) => cells.filter((cell) => cell.word === word));
  if (told.length === 0) return undefined;
  const items = told.slice(0, NAMED_OF_NIGHT).map(({ word, kernel, why, pValue, reproduce, ...cell }) => {
    const rates = [
      { name: 'tonight', tally: cell.tally },
      ...cell.baselines.map(({ kind, kernel: { name }, night, tally }) => ({
        name: kind === 'pinned' ? `pinned ${name}` : `last good ${night ?? name}`,
        tally,
      })),
    ].flatMap(({ name, tally }) => {
      const rate = nightRate(tally);
      return rate === undefined ? [] : [`${name} ${rateSentence(rate)}`];
    });
    // A confirmed difference names its p value in its reason.
    const p =
      pValue === null || why.includes('(p = ') ? '' : `, corrected p ${Number(pValue.toPrecision(2))}`;
    return html`<li class="${NIGHT_SHOWN[word].tone}">${chip(NIGHT_SHOWN[word])} <b>${rowName({ scenario: cell.scenario, machine: cell.machine })}</b> on <b>${safeName(kernel)}</b>: ${safeSentence(why)}${p}<br><span class="quiet">${safeSentence(rates.join('; '))}</span>
<code class="command">${safeCommand(reproduce)}</code></li>
`;
  });
  return html`<ul class="told">${items}</ul>${andMore(told.length - items.length)}`;
}

function comparisonItems({ scenarios }: ComparisonObject): Markup | undefined {
  if (scenarios === undefined) return undefined;
  const items = scenarios
    .slice(0, NAMED)
    .map(
      ({ scenario, conclusion }) =>
        html`<li><b>${safeName(scenario)}</b>: ${safeSentence(conclusion)}</li>\n`,
    );
  return html`<ul class="told">${items}</ul>${andMore(scenarios.length - items.length)}`;
}

/** The locks that are fatal, one line each; the map below has the rest. */
function locksItems({ maps, table }: NonNullable<PageInput['locks']>): Markup {
  const of =
    table?.variants ?? maps.map((map) => (maps.length > 1 ? { map, variant: map.kernel.spec } : { map }));
  const lines = lockListLines(of).filter((line) => !line.startsWith(' '));
  return html`<ul class="told">${lines.map((line) => html`<li>${line}</li>\n`)}</ul>`;
}

function unexpectedItems(
  matrix: Matrix,
  { input, ids }: { input: PageInput; ids: RunIds },
): Markup | undefined {
  if (input.sweep !== undefined) return undefined;
  const bad = notAsExpected(matrix);
  if (bad.length === 0) return undefined;
  const items = bad.slice(0, NAMED).map((cell) => {
    const { shown, column, verdicts, wanted, rate, results } = cell;
    const got = verdicts.map(([name, count]) => `${count} ${name}`).join(', ') || 'no result';
    const first = ids.firstOf(results);
    const where = html`<b>${rowName(cell)}</b> on <b>${safeName(column)}</b>`;
    return html`<li class="${shown.tone}">${chip(shown)} ${first === undefined ? where : html`<a href="#${first}">${where}</a>`}: ${safeSentence(got)}${wanted === undefined ? undefined : html`; expected ${safeName(wanted)}`}${rate === undefined ? undefined : html` <span class="quiet">${rateSentence(rate)}</span>`}</li>
`;
  });
  return html`<ul class="told">${items}</ul>${andMore(bad.length - items.length)}`;
}

function andMore(left: number): Markup | undefined {
  return left > 0
    ? html`<p class="quiet">And ${left} more: see the <a href="#matrix">matrix</a>.</p>\n`
    : undefined;
}
