import type { RunResult } from '../../model/result.js';
import { phaseLadder, type Rung, type Segment } from '../phase-ladder.js';
import { preciseSeconds, seconds, stepSeconds } from '../words.js';
import { html, type Insertion, type Markup } from './html.js';

/** Units of the bar's width, and the least width of a segment: one that took no time is still seen. */
const WIDTH = 1000;
const SLIVER = 6;
const GAP = 2;

/** The bar: one segment for each reached rung, as wide as the time it took; implied ones are outlined, the tail is low. */
export function ladderBar(result: RunResult): Markup {
  const { segments } = phaseLadder(result);
  if (segments.length === 0) return html`<p class="quiet">No phase was reached.</p>`;
  const room = WIDTH - segments.length * (SLIVER + GAP);
  let x = 0;
  const rects = segments.map((segment) => {
    const width = SLIVER + Math.round(segment.share * room);
    const rect = segmentOf(segment, x, width);
    x += width + GAP;
    return rect;
  });
  return html`<svg class="ladder-bar" viewBox="0 0 ${WIDTH} 40" preserveAspectRatio="none" role="img" aria-label="${barLabel(segments)}">${rects}</svg>
<p class="legend quiet"><span><span class="dot first observed"></span>first kernel</span> <span><span class="dot crash observed"></span>crash path</span> <span><span class="dot capture observed"></span>capture kernel</span> <span><span class="dot crash implied"></span>implied by a later phase, or read afterwards</span> <span><span class="dot tail"></span>after the last phase</span></p>`;
}

function barLabel(segments: readonly Segment[]): string {
  return segments.map((segment) => `${nameOf(segment)} ${seconds(segment.lengthMs)}`).join(', ');
}

function nameOf(segment: Segment): string {
  return segment.kind === 'tail' ? 'until the end' : segment.rung.phase;
}

function segmentOf(segment: Segment, x: number, width: number): Markup {
  const tail = segment.kind === 'tail';
  const classes = tail ? 'tail' : `${segment.rung.part} ${segment.rung.status}`;
  const [y, height] = tail ? [22, 18] : [0, 40];
  return html`<rect class="${classes}" x="${x}" y="${y}" width="${width}" height="${height}"><title>${nameOf(segment)}: ${preciseSeconds(segment.lengthMs)} s</title></rect>`;
}

/** The twelve rungs as a table, with the time and the duration of each. */
export function ladderList(result: RunResult): Markup {
  const { rungs, last, endMs, tailMs } = phaseLadder(result);
  const end = html`<tr class="end"><th scope="row"><span class="dot tail"></span>end of run</th><td class="number">${preciseSeconds(endMs)}</td><td class="number">${stepSeconds(tailMs)}</td><td>${result.verdict}</td></tr>`;
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
