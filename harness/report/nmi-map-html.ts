import { STYLE } from './html-style.js';
import { html, Markup } from './html.js';
import type { MapComparison } from '../sweep/compare-maps.js';
import type { MappedPoint, NmiMap } from '../sweep/map.js';
import { headLines, windowLines } from './nmi-map-text.js';

/** Colours of the report's own palette. */
const MAP_STYLE = `
table.map { border-collapse: collapse; width: 100%; font-size: .88rem; }
table.map th, table.map td { text-align: left; padding: .15rem .5rem; border-bottom: 1px solid var(--line); }
td.captured { background: var(--good-wash); color: var(--good); }
td.unknown { background: var(--doubt-wash); color: var(--doubt); }
td.lost { background: var(--bad-wash); color: var(--bad); }
pre { white-space: pre-wrap; background: var(--code); padding: .6rem; border-radius: 6px; }`;

/** The maps as one self-contained page. */
export function mapHtml(maps: readonly NmiMap[], comparison: MapComparison | undefined): string {
  const title = `NMI map: ${maps.map(({ kernel }) => kernel.spec).join(' and ')}`;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<style>${new Markup(STYLE)}${new Markup(MAP_STYLE)}</style></head>
<body><main><p class="brand">crashpath</p><h1>${title}</h1>
${comparison === undefined ? undefined : movedSection(comparison)}
${maps.map(mapSection)}
</main></body></html>
`;
  return page.text;
}

function movedSection({ groups }: MapComparison): Markup {
  const rows = groups.map(
    ({ stage, group, baseline, candidate, moved }) =>
      html`<tr><td>${stage}</td><td><code>${group}</code></td><td>${baseline.join(' -> ')}</td><td>${candidate.join(' -> ')}</td><td>${moved ? 'moved' : ''}</td></tr>`,
  );
  return html`<h2>Function by function</h2><table class="map"><tr><th>Place</th><th>Function</th><th>Baseline</th><th>Candidate</th><th></th></tr>${rows}</table>`;
}

function mapSection(map: NmiMap): Markup {
  const windows = map.windows.flatMap((window, index) => windowLines(window, index + 1));
  const head = [...headLines(map), '', ...(windows.length === 0 ? ['no window'] : windows)].join('\n');
  return html`<h2>${map.kernel.spec}</h2><pre>${head}</pre>
<table class="map"><tr><th>Point</th><th>Place</th><th>Before the instruction</th><th></th><th>IDT</th><th>NMI gate</th><th>Outcome</th><th>Run</th></tr>
${map.probed.map(pointRow)}</table>`;
}

function pointRow(point: MappedPoint): Markup {
  const { index, stage, name, instruction, idt, nmiGate, outcome } = point;
  const mood = outcome.end === 'captured' || outcome.end === 'unknown' ? outcome.end : 'lost';
  return html`<tr><td class="number">${index}</td><td>${stage}</td><td><code>${name}</code></td><td><code>${instruction}</code></td><td><code>${idt ?? '?'}</code></td><td>${nmiGate ? 'yes' : 'no'}</td><td class="${mood}">${outcome.text}</td><td><code>${outcome.runId}</code></td></tr>`;
}
