import type { RunResult } from '../model/result.js';
import { html, type Insertion, type Markup } from './html.js';
import { phaseLadder, type Rung, type Segment } from './phase-ladder.js';
import { preciseSeconds, seconds, stepSeconds } from './words.js';

/** Segments narrower than this share of the bar carry no label; the list below the bar names them all. */
const LABEL_SHARE = 0.1;

/** The bar: one segment for each reached rung, as wide as the time it took (at least a sliver); implied ones hatched. */
export function ladderBar(result: RunResult): Markup {
  const { segments } = phaseLadder(result);
  if (segments.length === 0) return html`<p class="quiet">No phase was reached.</p>`;
  return html`<div class="bar" role="img" aria-label="${barLabel(segments)}">${segments.map(segmentOf)}</div>`;
}

function barLabel(segments: readonly Segment[]): string {
  return segments.map((segment) => `${nameOf(segment)} ${seconds(segment.lengthMs)}`).join(', ');
}

function nameOf(segment: Segment): string {
  return segment.kind === 'tail' ? 'until the end' : segment.rung.phase;
}

function segmentOf(segment: Segment): Markup {
  const name = nameOf(segment);
  const classes = segment.kind === 'tail' ? 'tail' : `${segment.rung.part} ${segment.rung.status}`;
  const title = `${name}: ${preciseSeconds(segment.lengthMs)} s`;
  const label =
    segment.share >= LABEL_SHARE ? html`<b>${name}</b><i>${seconds(segment.lengthMs)}</i>` : undefined;
  // A share below one part in 10,000 is a sliver anyway; rounding keeps the file small and its text stable.
  return html`<span class="${classes}" style="flex-grow:${Math.max(1, Math.round(segment.share * 10_000))}" title="${title}">${label}</span>`;
}

/** The twelve rungs as a list, with the time and the duration of each. */
export function ladderList(result: RunResult): Markup {
  const { rungs, last, tailMs } = phaseLadder(result);
  const end = html`<tr class="end"><th scope="row"><span class="dot tail"></span>end of run</th><td class="number">${preciseSeconds(result.durationMs)}</td><td class="number">${stepSeconds(tailMs)}</td><td>${result.verdict}</td></tr>`;
  const rows = rungs.map((rung: Rung): Insertion => {
    if (rung.status === 'not-reached') {
      return html`<tr class="not-reached"><th scope="row"><span class="dot ${rung.part} not-reached"></span>${rung.phase}</th><td colspan="3">not reached</td></tr>`;
    }
    const row = html`<tr><th scope="row"><span class="dot ${rung.part} ${rung.status}"></span>${rung.phase}</th><td class="number">${preciseSeconds(rung.atMs)}</td><td class="number">${stepSeconds(rung.sincePreviousMs)}</td><td>${rung.status}</td></tr>`;
    return rung === last ? [row, end] : row;
  });
  if (last === undefined) rows.unshift(end);
  return html`<table class="ladder"><thead><tr><th scope="col">phase</th><th scope="col" class="number">at, s</th><th scope="col" class="number">step, s</th><th scope="col">how</th></tr></thead><tbody>${rows}</tbody></table>`;
}
