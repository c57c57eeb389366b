import type { ComparisonObject } from '../../stats/comparison-json.js';
import { countOf, safeName, safeSentence } from '../words.js';
import { html, type Markup } from './html.js';
import { intervalBar, rateSentence } from './rate.js';

type Kernel = ComparisonObject['kernels'][number];

/** A comparison as a picture: for each scenario and kernel the failure rate with its interval on one axis. */
export function comparisonSection(comparison: ComparisonObject, scenarioOfOne: string): Markup {
  const blocks =
    comparison.scenarios === undefined
      ? [block({ scenario: scenarioOfOne, ...comparison })]
      : comparison.scenarios.map(block);
  return html`<section aria-labelledby="comparison"><h2 id="comparison">Failure rates</h2>
<p class="quiet">Not captured / judged, with the 95 % interval (Clopper-Pearson), from 0 to 100 %.</p>
${blocks}</section>
`;
}

function block(
  one: Pick<ComparisonObject, 'kernels' | 'conclusion' | 'pValue'> & { scenario: string },
): Markup {
  const p = one.pValue === null ? '' : ` (p = ${Number(one.pValue.toPrecision(2))})`;
  return html`<article class="contrast"><h3>${safeName(one.scenario)}</h3>
<p>${safeSentence(one.conclusion)}<span class="quiet">${p}</span></p>
<table class="forest"><tbody>
${one.kernels.map(row)}</tbody></table></article>
`;
}

const ROLES = ['baseline', 'candidate'];

function row(kernel: Kernel, index: number): Markup {
  const { id, captured, hung, other, rate, interval, conclusion } = kernel;
  const shown =
    rate === null || interval === null
      ? undefined
      : { failures: hung + other, judged: captured + hung + other, rate, interval };
  const aside = [
    ...(kernel.void === 0 ? [] : [`${kernel.void} void`]),
    ...(kernel.harnessErrors === 0 ? [] : [countOf(kernel.harnessErrors, 'harness error')]),
  ];
  const notes = [
    ...(hung === 0 ? [] : [`${hung} hung`]),
    ...(aside.length === 0 ? [] : [`not judged: ${aside.join(', ')}`]),
    ...(conclusion === undefined ? [] : [conclusion]),
  ];
  return html`<tr><th scope="row">${ROLES[index] ?? 'also'} <span class="quiet">${safeName(id)}</span></th><td class="bar">${shown === undefined ? undefined : intervalBar(shown)}</td><td>${shown === undefined ? 'nothing was judged' : rateSentence(shown)}${notes.length === 0 ? undefined : html`<br><span class="quiet">${safeSentence(notes.join('; '))}</span>`}</td></tr>
`;
}
