import { escapeGuestText } from '../../model/escape.js';
import type { RunResult } from '../../model/result.js';
import { templateOf } from '../../model/start.js';
import { accelName, countOf, safeName, seconds, verdictName } from '../words.js';
import type { BlockPlace } from './blocks.js';
import { html, type Markup } from './html.js';
import { machineName } from './matrix-markup.js';
import type { RunIds } from './run-ids.js';
import { OUTCOME_SHOWN } from './tone.js';

/** Longest explanation in a row, characters; the run's section has more. */
const EXPLANATION = 160;

/** The list of all runs, worst first; `placeOf` says where a run's section is stored, `columnOf` its column. */
export function listSection(
  ids: RunIds,
  {
    placeOf,
    columnOf,
  }: {
    placeOf: (result: RunResult) => BlockPlace | undefined;
    columnOf: (result: RunResult) => string | undefined;
  },
): Markup {
  const { ordered, hidden } = ids;
  const rows = ordered.map((result) =>
    row(result, { id: ids.idOf(result), place: placeOf(result), column: columnOf(result) }),
  );
  return html`<section aria-labelledby="runs"><h2 id="runs">Runs <span class="quiet" id="shown">${countOf(ordered.length, 'run')}</span></h2>
<div id="filters" hidden></div>
${rows.length === 0 ? html`<p class="quiet">No run came to a result.</p>` : html`<ol class="runs">${rows}</ol>`}
${hidden === 0 ? undefined : html`<p class="quiet">And ${countOf(hidden, 'more run')}, as the last of these: this page lists ${ordered.length}; results.jsonl beside it has all.</p>`}<p class="quiet" id="none" hidden>No run matches.</p></section>
`;
}

function row(
  result: RunResult,
  { id, place, column }: { id: string; place: BlockPlace | undefined; column: string | undefined },
): Markup {
  const { outcome, scenario, machine, kernel, host, trial, durationMs, detail } = result;
  const { tone, mark, word } = OUTCOME_SHOWN[outcome];
  const stored = place === undefined ? undefined : html` data-block="${place.block}" data-at="${place.at}"`;
  const explanation =
    outcome === 'expected'
      ? undefined
      : html`<span class="because">${escapeGuestText(result.explanation, EXPLANATION)}</span>`;
  return html`<li class="${tone}" id="${id}" data-verdict="${verdictName(result)}" data-outcome="${word}" data-scenario="${safeName(scenario)}" data-kernel="${safeName(kernel)}" data-column="${safeName(column ?? kernel)}" data-machine="${machineName(machine)}" data-host="${safeName(host ?? 'this host')}" data-accelerator="${accelName(result)}"${stored}><a href="#${id}"><span class="mark" aria-hidden="true">${mark}</span><span class="what"><b>${verdictName(result)}</b> <span class="quiet">${safeName(detail)}</span></span><span class="where">${safeName(scenario)}${machine === undefined ? undefined : html` <span class="quiet">on ${safeName(machine)}</span>`}${templateOf(result) === undefined ? undefined : html` <span class="quiet">(clone)</span>`}</span><span class="kernel">${safeName(column ?? kernel)}${column === undefined || column === kernel ? undefined : html` <span class="quiet">${safeName(kernel)}</span>`}${host === undefined ? undefined : html` <span class="quiet">at ${safeName(host)}</span>`}</span><span class="number quiet">#${trial}</span><span class="number">${seconds(durationMs)}</span>${explanation}</a></li>
`;
}
