import { callerOf, type LockSite } from '../../sweep/crash-locks/locks.js';
import type { Confirmation } from '../../sweep/crash-locks/confirm.js';
import type { Context } from '../../sweep/crash-locks/contexts.js';
import type { Holder } from '../../sweep/crash-locks/script.js';
import {
  type HeldEnd,
  type LockComparison,
  type LockMap,
  type LockRow,
  type MappedLock,
} from '../../sweep/crash-locks/map.js';
import type { LockTable, TableRow } from '../../sweep/crash-locks/table.js';
import { atomicsLines, flagNotes } from '../atomics-text.js';
import { lockListLines } from '../lock-list.js';
import { changeText, comparedHolder, lockMapHead } from '../lock-map-text.js';
import { rowHolder, shortEnd } from '../lock-table-text.js';
import { confirmationText, endOfText, endText, holderLegend, isFatalLock, lockText } from '../lock-words.js';
import { countOf, safeName } from '../words.js';
import { html, Markup } from './html.js';
import type { RunIds } from './run-ids.js';

/** The maps of a sweep of locks: one kernel's, two and what differs between them, or those of variants. */
export interface SweptLocks {
  readonly maps: readonly LockMap[];
  readonly comparison?: LockComparison | undefined;
  readonly table?: LockTable | undefined;
}

/** Every lock of the crash path, where it is taken, and what becomes of a crash while it is held. */
export function locksSection({ maps, comparison, table }: SweptLocks, ids: RunIds): Markup {
  const titleOf = (map: LockMap) =>
    table?.variants.find((variant) => variant.map === map)?.variant ?? map.kernel.spec;
  return html`<section aria-labelledby="locks"><h2 id="locks">The locks of the crash path</h2>
${table === undefined ? undefined : tableArticle(table, ids)}${maps.map((map) => mapArticle(map, { title: titleOf(map), ids }))}${comparison === undefined ? undefined : comparisonArticle(comparison, ids)}</section>
`;
}

function mapArticle(map: LockMap, { title, ids }: { title: string; ids: RunIds }): Markup {
  return html`<article class="map"><h3>${safeName(title)}</h3>
${lockMapHead(map).map((line) => html`<p class="quiet">${line}</p>\n`)}
<div class="scroll" tabindex="0" role="group" aria-label="Locks"><table class="map-points"><thead><tr><th scope="col">lock</th><th scope="col">kind</th><th scope="col">taken</th><th scope="col">held by another CPU</th><th scope="col">by the panicking CPU</th></tr></thead>
<tbody>${map.locks.map((lock) => lockRow(lock, { map, ids }))}</tbody></table></div>
${atomicsLines(map).map((line) => html`<p class="quiet">${line}</p>\n`)}</article>
`;
}

function lockRow(lock: MappedLock, { map: { context }, ids }: { map: LockMap; ids: RunIds }): Markup {
  const { kind, sites, held, confirmed } = lock;
  const endOf = (holder: Holder) =>
    html`<td>${endMarkup(held[holder], ids, endOfText(lock, holder))}${confirmationMarkup(confirmed[holder], { holder, context })}</td>`;
  const notes = flagNotes(lock).map((note) => html`<p class="quiet">${note}</p>`);
  const fatal = isFatalLock({ held });
  return html`<tr class="${fatal ? 'lost' : ''}"><td><code>${lockText(lock)}</code></td><td>${kind}</td><td>${sitesMarkup(sites)}${notes}</td>${endOf('another')}${endOf('itself')}</tr>
`;
}

function confirmationMarkup(
  confirmation: Confirmation | undefined,
  of: { readonly holder: Holder; readonly context: Context },
): Markup | undefined {
  if (confirmation === undefined) return undefined;
  return html` <span class="quiet">${confirmationText(confirmation, of)}</span>`;
}

function sitesMarkup(sites: readonly LockSite[]): Markup {
  const items = sites.map(
    (site) =>
      html`<li><code title="${safeName(site.stack.join(' < '))}">${safeName(callerOf(site))}</code> <span class="quiet">${site.how}, ${countOf(site.count, 'time')}, ${site.phase}</span></li>`,
  );
  return html`<ul class="plain">${items}</ul>`;
}

function endMarkup(end: HeldEnd, ids: RunIds, text = endText(end)): Markup {
  const run = 'runId' in end ? ids.ordered.find(({ runId }) => runId === end.runId) : undefined;
  return run === undefined ? html`${text}` : html`<a href="#${ids.idOf(run)}">${text}</a>`;
}

function comparisonArticle({ baseline, candidate, rows, moved }: LockComparison, ids: RunIds): Markup {
  const maps = [baseline, candidate];
  return html`<article><h3>Lock by lock</h3>
<p>${moved ? 'The maps differ.' : 'Nothing moved.'}</p>
<div class="scroll" tabindex="0" role="group" aria-label="Lock by lock"><table class="map-points"><thead><tr><th scope="col">lock</th><th scope="col">kind</th><th scope="col">held by</th><th scope="col">baseline</th><th scope="col">candidate</th><th scope="col">change</th></tr></thead>
<tbody>${rows.map((row) => comparedRow(row, { holder: comparedHolder(row, maps), ids }))}</tbody></table></div>
${legend(rows.map((row) => comparedHolder(row, maps)))}</article>
`;
}

function legend(words: readonly string[]): Markup[] {
  return holderLegend(words).map((line) => html`<p class="quiet">${line}</p>\n`);
}

function comparedRow(row: LockRow, { holder, ids }: { holder: string; ids: RunIds }): Markup {
  const { name, kind, baseline, candidate, moved } = row;
  const end = (one: HeldEnd | undefined) => (one === undefined ? html`-` : endMarkup(one, ids));
  return html`<tr class="${moved ? 'lost' : ''}"><td><code>${safeName(name)}</code></td><td>${kind}</td><td>${holder}</td><td>${end(baseline)}</td><td>${end(candidate)}</td><td>${changeText(row)}</td></tr>
`;
}

function tableArticle({ variants, table }: LockTable, ids: RunIds): Markup {
  return html`<article><h3>Variants of the crash path</h3>
<div class="scroll" tabindex="0" role="group" aria-label="Variants"><table class="map-points"><thead><tr><th scope="col">lock</th><th scope="col">kind</th><th scope="col">held by</th>${variants.map(({ variant }) => html`<th scope="col">${safeName(variant)}</th>`)}</tr></thead>
<tbody>${table.map((row) => tableRow(row, { holder: rowHolder(row, variants), ids }))}</tbody></table></div>
${legend(table.map((row) => rowHolder(row, variants)))}${lockListLines(variants).map((line) => html`<p${line.startsWith(' ') ? new Markup(' class="quiet"') : ''}>${line.trim()}</p>\n`)}</article>
`;
}

function tableRow(
  { name, kind, ends, fatalIn }: TableRow,
  { holder, ids }: { holder: string; ids: RunIds },
): Markup {
  const cells = ends.map((end) => {
    const word = shortEnd(end);
    return html`<td>${end === null ? word : endMarkup(end, ids, word)}</td>`;
  });
  return html`<tr class="${fatalIn.length > 0 ? 'lost' : ''}"><td><code>${safeName(name)}</code></td><td>${kind}</td><td>${holder}</td>${cells}</tr>
`;
}
