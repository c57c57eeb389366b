import type { Outcome } from '../model/verdict.js';
import { html, type Markup } from './html.js';
import { OUTCOME_MARKS } from './html-style.js';
import { cellSentence, numbered, rowName, STATE_WORDS, verdictLines } from './campaign-table-text.js';
import type { CampaignTable, CellState, TableCell, TableRow } from './campaign-table.js';
import { safeName, safeSentence } from './words.js';

/** The outcome whose colour and mark a state has. */
const OUTCOME_OF: Readonly<Record<CellState, Outcome>> = {
  unexpected: 'unexpected',
  'harness-error': 'harness-error',
  void: 'inconclusive',
  unfinished: 'inconclusive',
  'void-explained': 'inconclusive',
  'as-expected': 'expected',
};

/** The table of a campaign file with its arguments; `anchorOf` gives a run's place in the page. */
export function campaignTableSection(table: CampaignTable, anchorOf: ReadonlyMap<string, string>): Markup {
  const notes = numbered(table);
  const heads = table.columns.map((name) => html`<th scope="col">${safeName(name)}</th>`);
  const rows = table.rows.map(
    (row) => html`<tr>
<th scope="row">${rowName(row)}</th>
${row.cells.map((cell, index) => cellMarkup(cell, { column: table.columns[index] ?? '', note: cell && notes.get(cell), anchorOf }))}</tr>
`,
  );
  return html`<h2>Scenarios against kernels</h2>
<table class="verdicts campaign-table">
<thead><tr><th scope="col">scenario</th>${heads}</tr></thead>
<tbody>${rows}</tbody></table>
<p class="quiet">${cellSentence(table)}</p>
<dl class="arguments">${table.rows.map((row) => argumentsOf(row, notes))}</dl>
`;
}

function cellMarkup(
  cell: TableCell | undefined,
  options: { column: string; note: number | undefined; anchorOf: ReadonlyMap<string, string> },
): Markup {
  const { column, note, anchorOf } = options;
  if (cell === undefined) return html`<td data-name="${safeName(column)}" class="quiet">not run</td>\n`;
  const outcome = OUTCOME_OF[cell.state];
  const verdicts = verdictLines(cell).map((line) => html`<span class="verdict">${line}</span>`);
  const first = cell.results.find((result) => result.outcome === outcome) ?? cell.results[0];
  const anchor = anchorOf.get(first?.runId ?? '');
  const words = html`<span aria-hidden="true">${OUTCOME_MARKS[outcome]}</span> ${STATE_WORDS[cell.state].toLowerCase()}`;
  const chip =
    anchor === undefined
      ? html`<span class="chip ${outcome}">${words}</span>`
      : html`<a class="chip ${outcome}" href="#${anchor}">${words}</a>`;
  const wanted =
    cell.state === 'unexpected'
      ? html`<br><span class="quiet">wanted ${safeName(cell.expected)}</span>`
      : undefined;
  return html`<td data-name="${safeName(column)}">${verdicts}${chip}${note === undefined ? undefined : html` <sup>${note}</sup>`}${wanted}</td>\n`;
}

function argumentsOf(row: TableRow, notes: ReadonlyMap<TableCell, number>): Markup | undefined {
  const said = row.cells.flatMap((cell) => {
    const note = cell === undefined ? undefined : notes.get(cell);
    if (cell === undefined || note === undefined) return [];
    const texts = [...cell.why, ...cell.voidOk.map((reason) => `void: ${reason}`)].map(safeSentence);
    return [html`<dd><sup>${note}</sup> <b>${safeName(cell.kernel)}</b> ${texts.join(' ')}</dd>\n`];
  });
  if (row.why === undefined && said.length === 0) return undefined;
  const about = row.why === undefined ? undefined : html` <span>${safeSentence(row.why)}</span>`;
  return html`<dt><b>${rowName(row)}</b>${about}</dt>\n${said}`;
}
