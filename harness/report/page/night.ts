import type { NightBaseline, NightControl, NightKernel, NightVerdicts } from '../../model/night-verdict.js';
import { rowName } from '../campaign-table-text.js';
import { safeCommand, safeName, safeSentence } from '../words.js';
import { html, type Markup } from './html.js';
import { nightRate } from './matrix.js';
import { intervalBar, rateSentence } from './rate.js';
import { chip, CONTROL_SHOWN, NIGHT_SHOWN } from './tone.js';

/** What a night did beside its cells: its baselines, its controls, its kernels, what went wrong. */
export function nightSection(night: NightVerdicts): Markup {
  return html`${faults(night.faults)}${baselines(night)}
<section aria-labelledby="controls"><h2 id="controls">Controls</h2>
${night.controls.length === 0 ? html`<p class="quiet">The night had none.</p>` : html`<ul class="told">${night.controls.map(control)}</ul>`}
</section>
<section aria-labelledby="kernels"><h2 id="kernels">Kernels</h2>
<ul class="plain">${night.kernels.map((one) => html`<li>${kernel(one)}</li>\n`)}</ul></section>
`;
}

function faults(said: readonly string[]): Markup | undefined {
  if (said.length === 0) return undefined;
  return html`<section aria-labelledby="faults"><h2 id="faults">Went on without</h2>
<ul class="plain">${said.map((one) => html`<li>${safeSentence(one)}</li>\n`)}</ul></section>
`;
}

function control({ scenario, machine, kernel: column, what, held, why, reproduce }: NightControl): Markup {
  const shown = CONTROL_SHOWN[held ? 'held' : 'failed'];
  const again = held ? undefined : html`<code class="command">${safeCommand(reproduce)}</code>`;
  return html`<li class="${shown.tone}">${chip(shown)} <b>${rowName({ scenario, machine })}</b> on <b>${safeName(column)}</b> ${safeName(what)}: ${safeSentence(why)}${again}</li>
`;
}

/** Each cell that differs from a baseline, or could not be compared, with both rates as bars. */
function baselines({ cells }: NightVerdicts): Markup | undefined {
  const compared = cells.filter(({ word, baselines: with_ }) => word !== 'unchanged' && with_.length > 0);
  if (compared.length === 0) return undefined;
  const blocks = compared.map(
    ({ scenario, machine, kernel: column, word, tally, baselines: with_ }) => html`<article class="contrast">
<h3>${chip(NIGHT_SHOWN[word])} ${rowName({ scenario, machine })} on ${safeName(column)}</h3>
<table class="forest"><tbody>
${row('tonight', nightRate(tally))}${with_.map(baselineRow)}</tbody></table></article>
`,
  );
  return html`<section aria-labelledby="baselines"><h2 id="baselines">Against the baselines</h2>
${blocks}</section>
`;
}

function baselineRow({
  kind,
  kernel: { release, name },
  night,
  tally,
  pValue,
  conclusion,
}: NightBaseline): Markup {
  const which = kind === 'pinned' ? `pinned ${name}` : `last good ${night ?? name}`;
  const p = pValue === null ? '' : `; corrected p ${Number(pValue.toPrecision(2))}`;
  return row(`${which} (${release})`, nightRate(tally), `${conclusion}${p}`);
}

function row(name: string, rate: ReturnType<typeof nightRate>, note = ''): Markup {
  return html`<tr><th scope="row">${safeName(name)}</th><td class="bar">${rate === undefined ? undefined : intervalBar(rate)}</td><td>${rate === undefined ? 'nothing was judged' : rateSentence(rate)}${note === '' ? undefined : html`<br><span class="quiet">${safeSentence(note)}</span>`}</td></tr>
`;
}

function kernel({ name, spec, release, sha256, commit }: NightKernel): Markup {
  const from = commit === undefined ? undefined : html`, commit <code>${commit.slice(0, 12)}</code>`;
  return html`<b>${safeName(name)}</b> ${safeName(release)} <span class="quiet">${safeName(spec)}, sha256 <code>${sha256.slice(0, 12)}</code>${from}</span>`;
}
