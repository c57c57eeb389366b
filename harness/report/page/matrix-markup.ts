import { percent } from '../../stats/conclusion.js';
import { rowName } from '../campaign-table-text.js';
import { safeName, safeSentence } from '../words.js';
import { html, type Markup } from './html.js';
import type { Matrix, MatrixCell, MatrixRow } from './matrix.js';
import { intervalBar } from './rate.js';
import type { RunIds } from './run-ids.js';
import { sparkline } from './sparkline.js';
import { chip } from './tone.js';

/** The matrix as a table; each cell links to its first run in the list, worst first. */
export function matrixSection(matrix: Matrix, ids: RunIds): Markup | undefined {
  const { columns, rows } = matrix;
  if (rows.length === 0) return undefined;
  const numbers = numbered(matrix);
  const heads = columns.map((name) => html`<th scope="col">${safeName(name)}</th>`);
  const body = rows.map(
    (row) => html`<tr>
<th scope="row">${rowName(row)}</th>
${row.cells.map((cell, index) => cellMarkup(cell, { column: columns[index] ?? '', note: cell && numbers.get(cell), ids }))}</tr>
`,
  );
  const drawn = rows.some(({ cells }) => cells.some((cell) => cell?.rate !== undefined));
  const key = drawn
    ? html`<p class="quiet">Rate: not captured / judged; voids and harness errors are not judged. Bar: 95 % interval (Clopper-Pearson) from 0 to 100 %, with a tick at the rate.</p>
`
    : undefined;
  return html`<section aria-labelledby="matrix"><h2 id="matrix">Scenarios against kernels</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Matrix"><table class="matrix">
<thead><tr><th scope="col">scenario</th>${heads}</tr></thead>
<tbody>${body}</tbody></table></div>
${key}${argumentList(matrix, numbers)}</section>
`;
}

function cellMarkup(
  cell: MatrixCell | undefined,
  { column, note, ids }: { column: string; note: number | undefined; ids: RunIds },
): Markup {
  const name = safeName(column);
  if (cell === undefined) return html`<td class="quiet none" data-name="${name}">not run</td>\n`;
  const { shown, verdicts, notes, rate, wanted, history, results } = cell;
  const first = ids.firstOf(results);
  const words =
    first === undefined
      ? chip(shown)
      : html`<a class="cell-link" href="#${first}" data-scenario="${safeName(cell.scenario)}" data-column="${safeName(cell.column)}" data-machine="${machineName(cell.machine)}">${chip(shown)}</a>`;
  const counts = verdicts.map(
    ([verdict, count]) => html`<span class="verdict"><b>${count}</b> ${safeName(verdict)}</span>`,
  );
  const measured =
    rate === undefined
      ? undefined
      : html`<span class="rate"><b>${percent(rate.rate)}</b> <span class="quiet">${rate.failures}/${rate.judged}, ${percent(rate.interval[0])} to ${percent(rate.interval[1])}</span></span>${intervalBar(rate)}`;
  const past = history === undefined ? undefined : sparkline(history);
  return html`<td class="${shown.tone}" data-name="${name}">${words}${note === undefined ? undefined : html`<sup>${note}</sup>`}
${counts}${notes.map((text) => html`<span class="quiet wanted">${safeSentence(text)}</span>`)}${measured}${past}${wanted === undefined ? undefined : html`<span class="quiet wanted">wanted ${safeName(wanted)}</span>`}</td>
`;
}

/** The machine of a run that names none. */
export function machineName(machine: string | undefined): string {
  return machine === undefined ? 'default' : safeName(machine);
}

function numbered({ rows }: Matrix): Map<MatrixCell, number> {
  const arguing = rows.flatMap(({ cells }) =>
    cells.filter((cell) => cell !== undefined && cell.why.length > 0),
  );
  return new Map(arguing.flatMap((cell, index) => (cell === undefined ? [] : [[cell, index + 1] as const])));
}

/** The arguments of a campaign file, by the numbers in the table. */
function argumentList({ rows }: Matrix, notes: ReadonlyMap<MatrixCell, number>): Markup | undefined {
  const items = rows.flatMap((row) => argumentsOf(row, notes) ?? []);
  if (items.length === 0) return undefined;
  return html`<details class="arguments"><summary>Why the campaign expects this</summary><dl>${items}</dl></details>
`;
}

function argumentsOf(row: MatrixRow, notes: ReadonlyMap<MatrixCell, number>): Markup | undefined {
  const said = row.cells.flatMap((cell) => {
    const note = cell === undefined ? undefined : notes.get(cell);
    if (cell === undefined || note === undefined) return [];
    return [
      html`<dd><sup>${note}</sup> <b>${safeName(cell.column)}</b> ${cell.why.map(safeSentence).join(' ')}</dd>\n`,
    ];
  });
  if (row.why === undefined && said.length === 0) return undefined;
  const about = row.why === undefined ? undefined : html` ${safeSentence(row.why)}`;
  return html`<dt><b>${rowName(row)}</b>${about}</dt>\n${said}`;
}
