import type { GroupRow, MapComparison } from '../../sweep/compare-maps.js';
import type { MappedPoint, NmiMap } from '../../sweep/map.js';
import { headLines, windowLines } from '../nmi-map-text.js';
import { countOf, safeName, safeSentence } from '../words.js';
import { html, type Markup } from './html.js';
import type { RunIds } from './run-ids.js';

/** The maps of a sweep: one kernel's, or two and what differs between them. */
export interface SweptMaps {
  readonly maps: readonly NmiMap[];
  readonly comparison?: MapComparison | undefined;
}

/** Points of one piece of the strip: as many as a phone is wide. */
const PIECE = 24;
const STEP = 10;
const HEIGHT = 34;

/** The crash path as a strip of probed points with the windows, and the points as a table. */
export function sweepSection({ maps, comparison }: SweptMaps, ids: RunIds): Markup {
  return html`<section aria-labelledby="sweep"><h2 id="sweep">The crash path, point by point</h2>
<p class="legend quiet"><span>${key('captured')} an NMI here is survived</span> <span>${key('lost')} an NMI here prevents the capture</span> <span>${key('unknown')} unknown</span> <span>${gapKey()} points between were not probed</span></p>
${maps.map((map) => mapArticle(map, ids))}${comparison === undefined ? undefined : moved(comparison)}</section>
`;
}

function mapArticle(map: NmiMap, ids: RunIds): Markup {
  const windows = map.windows.map(
    (window, index) =>
      html`<li><pre tabindex="0" role="group" aria-label="Window ${index + 1}">${windowLines(window, index + 1).map((line) => html`${line}\n`)}</pre></li>\n`,
  );
  return html`<article class="map"><h3>${safeName(map.kernel.spec)}</h3>
${headLines(map).map((line) => html`<p class="quiet">${line}</p>\n`)}
<ol class="strip">${piecesOf(map.probed).map(pieceMarkup)}</ol>
${windows.length === 0 ? html`<p>No window: an NMI at any probed point still leads to a capture.</p>` : html`<ul class="plain windows">${windows}</ul>`}
<details><summary>${countOf(map.probed.length, 'probed point')}</summary>
<div class="scroll" tabindex="0" role="group" aria-label="Probed points"><table class="map-points"><thead><tr><th scope="col" class="number">point</th><th scope="col">place</th><th scope="col">before the instruction</th><th scope="col">instruction</th><th scope="col">IDT</th><th scope="col">NMI gate</th><th scope="col">outcome</th></tr></thead>
<tbody>${map.probed.map((point) => pointRow(point, ids))}</tbody></table></div></details></article>
`;
}

type Mood = 'captured' | 'lost' | 'unknown';

function moodOf({ outcome: { end } }: MappedPoint): Mood {
  return end === 'captured' || end === 'unknown' ? end : 'lost';
}

const MOOD_MARKS: Readonly<Record<Mood, string>> = { captured: '\u2713', lost: '\u2717', unknown: '?' };

interface Piece {
  readonly group: string;
  readonly stage: string;
  readonly points: readonly MappedPoint[];
  /** Points of the trace that were skipped right before it. */
  readonly skipped: boolean;
}

/** Consecutive points of one function, in pieces that a phone can show. */
function piecesOf(probed: readonly MappedPoint[]): Piece[] {
  const pieces: { group: string; stage: string; points: MappedPoint[]; skipped: boolean }[] = [];
  for (const [position, point] of probed.entries()) {
    const last = pieces.at(-1);
    const before = probed[position - 1];
    const skipped = before !== undefined && point.index > before.index + 1;
    const joins = last?.group === point.group && last.stage === point.stage && last.points.length < PIECE;
    if (joins) last.points.push(point);
    else pieces.push({ group: point.group, stage: point.stage, points: [point], skipped });
  }
  return pieces;
}

/** Heights tell the outcomes apart as colours do. */
const BARS: Readonly<Record<Mood, readonly [top: number, height: number]>> = {
  captured: [20, 12],
  lost: [2, 30],
  unknown: [11, 21],
};

function pieceMarkup({ group, stage, points, skipped }: Piece): Markup {
  const width = points.length * STEP;
  const bars = points.map((point, index) => {
    const before = points[index - 1];
    const gap = before === undefined ? skipped : point.index > before.index + 1;
    const x = index * STEP;
    const label = html`<title>[${point.index}] ${safeName(point.name)} ${safeName(point.instruction)}: ${safeName(point.outcome.text)}</title>`;
    return html`${gap ? gapMark(x) : undefined}<g class="${moodOf(point)}">${label}${barAt(moodOf(point), x)}</g>`;
  });
  const lost = points.filter((point) => moodOf(point) === 'lost').length;
  return html`<li class="${lost > 0 ? 'hit' : 'calm'}"><svg width="${width}" height="${HEIGHT}" viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${safeName(group)}: ${countOf(points.length, 'point')}, ${lost} without a capture">${bars}</svg><span class="group">${safeName(group)}</span><span class="quiet stage">${safeName(stage)}</span></li>
`;
}

function barAt(mood: Mood, x: number): Markup {
  const [top, height] = BARS[mood];
  return html`<rect x="${x + 1.5}" y="${top}" width="${STEP - 3}" height="${height}" rx="1"/>`;
}

function gapMark(x: number): Markup {
  return html`<path class="gap" d="M${x} ${HEIGHT - 5}V${HEIGHT}"/>`;
}

function key(mood: Mood): Markup {
  return html`<svg class="key ${mood}" width="${STEP}" height="${HEIGHT}" viewBox="0 0 ${STEP} ${HEIGHT}" aria-hidden="true">${barAt(mood, 0)}</svg>`;
}

function gapKey(): Markup {
  return html`<svg class="key" width="4" height="${HEIGHT}" viewBox="-2 0 4 ${HEIGHT}" aria-hidden="true">${gapMark(0)}</svg>`;
}

function pointRow(point: MappedPoint, ids: RunIds): Markup {
  const { index, stage, name, instruction, idt, nmiGate, outcome } = point;
  const run = ids.ordered.find(({ runId }) => runId === outcome.runId);
  const text = html`<span aria-hidden="true">${MOOD_MARKS[moodOf(point)]}</span> ${safeSentence(outcome.text)}`;
  return html`<tr class="${moodOf(point)}"><td class="number">${index}</td><td>${stage}</td><td><code>${safeName(name)}</code></td><td><code>${safeName(instruction)}</code></td><td><code>${safeName(idt ?? '?')}</code></td><td>${nmiGate ? 'yes' : 'no'}</td><td>${run === undefined ? text : html`<a href="#${ids.idOf(run)}">${text}</a>`}</td></tr>
`;
}

function moved({ groups, moved: differ }: MapComparison): Markup {
  return html`<article><h3>Function by function</h3>
<p>${differ ? 'The maps differ.' : 'Nothing moved.'}</p>
<div class="scroll" tabindex="0" role="group" aria-label="Functions"><table class="map-points"><thead><tr><th scope="col">place</th><th scope="col">function</th><th scope="col">baseline</th><th scope="col">candidate</th><th scope="col">change</th></tr></thead>
<tbody>${groups.map(groupRow)}</tbody></table></div></article>
`;
}

function groupRow({ stage, group, baseline, candidate, moved: differs }: GroupRow): Markup {
  const ends = (list: readonly string[]) => list.map(safeName).join(', then ') || '-';
  return html`<tr class="${differs ? 'lost' : ''}"><td>${safeName(stage)}</td><td><code>${safeName(group)}</code></td><td>${ends(baseline)}</td><td>${ends(candidate)}</td><td>${differs ? 'moved' : ''}</td></tr>
`;
}
