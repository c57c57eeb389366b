import { cloneNotes } from '../clone-notes.js';
import { safeName, safeSentence } from '../words.js';
import { comparisonSection } from './comparison.js';
import { headlineSection, headlineWords } from './headline.js';
import { html, Markup } from './html.js';
import { locksSection } from './locks.js';
import { columnsOfRuns, matrixOf } from './matrix.js';
import { matrixSection } from './matrix-markup.js';
import { nightSection } from './night.js';
import type { PageHost, PageInput } from './page-input.js';
import { listSection } from './run-list.js';
import { runIds } from './run-ids.js';
import { sweepSection } from './sweep.js';

/** The page's own script and style sheet, with their hashes as a content security policy names them: `sha256-...`. */
export interface PageAssets {
  readonly script: string;
  readonly style: string;
  readonly scriptHash: string;
  readonly styleHash: string;
}

/**
 * A campaign, a comparison, a sweep or a night as one HTML file that loads nothing: the headline, the matrix and the
 * list are there without a script; the script adds search, filters, keys, and the sections of the runs, which are
 * stored compressed. Pure.
 */
export function page(input: PageInput, assets: PageAssets): string {
  const { results, runs, night, comparison, sweep, locks } = input;
  const matrix = matrixOf(input);
  const ids = runIds(results);
  const columns = columnsOfRuns(matrix);
  const only = [...new Set(results.map(({ scenario }) => scenario))].join(', ');
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(assets)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${headlineWords(input, matrix)} - ${safeName(input.title)} - crashpath</title>
<style>${new Markup(assets.style)}</style>
</head>
<body>
<div id="tools" hidden></div>
<main id="overview">
${headlineSection(input, { matrix, ids })}
${comparison === undefined ? undefined : comparisonSection(comparison, only)}${sweep === undefined ? undefined : sweepSection(sweep, ids)}${locks === undefined ? undefined : locksSection(locks, ids)}${matrixSection(matrix, ids)}${night === undefined ? undefined : nightSection(night)}
${listSection(ids, { placeOf: (result) => runs?.places.get(result), columnOf: (result) => columns.get(result) })}
${facts(input)}
</main>
<main id="run" hidden></main>
<script>${new Markup(assets.script)}</script>
${(runs?.blocks ?? []).map((block, index) => html`<script type="text/plain" id="block-${index}">${new Markup(block)}</script>\n`)}</body>
</html>
`.text;
}

/** Nothing from outside, and of the file itself only its own script and style sheet. */
function policy({ scriptHash, styleHash }: PageAssets): string {
  return `default-src 'none'; script-src '${scriptHash}'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'`;
}

function facts({ generatedAt, crashpathVersion, hosts, results }: PageInput): Markup {
  const campaigns = [...new Set(results.map(({ campaign }) => safeName(campaign)))];
  return html`<footer><h2>About</h2><dl class="facts">
<div><dt>made</dt><dd>${safeName(generatedAt)}</dd></div>
<div><dt>crashpath</dt><dd>${safeName(crashpathVersion)}</dd></div>
<div><dt>campaign</dt><dd>${campaigns.slice(0, 20).join(', ') || 'none'}</dd></div>
${repackedFact(results)}${cloneFacts(results, campaigns.length)}${hosts.map(hostFacts)}</dl></footer>`;
}

/** How many runs started kernels that were repacked to decompress fast. */
function repackedFact(results: PageInput['results']): Markup | undefined {
  const count = results.filter(({ repacked }) => repacked !== undefined).length;
  if (count === 0) return undefined;
  return html`<div><dt>repacked kernels</dt><dd>in ${count} of ${results.length} runs</dd></div>
`;
}

/** How many runs began as clones, and where they differ. Templates of several campaigns have the same names. */
function cloneFacts(results: PageInput['results'], campaigns: number): Markup[] {
  const notes = campaigns === 1 ? cloneNotes(results) : [];
  return notes.map((note) => html`<div><dt>clones</dt><dd>${note}</dd></div>\n`);
}

function hostFacts({ name, accel, accelReason, qemuVersion }: PageHost): Markup {
  const called = name === undefined ? undefined : html`<div><dt>host</dt><dd>${safeName(name)}</dd></div>\n`;
  return html`${called}<div><dt>QEMU</dt><dd>${safeName(qemuVersion)}</dd></div>
<div><dt>accelerator</dt><dd>${accel} <span class="quiet">${safeSentence(accelReason)}</span></dd></div>
`;
}
