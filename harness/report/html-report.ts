import type { RunResult } from '../model/result.js';
import type { ConsoleExcerpt } from './console-excerpt.js';
import { html, Markup } from './html.js';
import { campaignTableSection } from './html-campaign-table.js';
import { runCard } from './html-run.js';
import { OUTCOME_MARKS, outcomeChip, STYLE } from './html-style.js';
import type { CampaignTable } from './campaign-table.js';
import { groupTrials, outcomeCounts, outcomeSentence, type TrialGroup } from './summary.js';
import { countOf, safeName, safeSentence, seconds } from './words.js';

/** A host that a campaign ran on. */
export interface ReportHost {
  /** As the caller named it; absent for this one. */
  readonly name?: string | undefined;
  readonly accel: 'kvm' | 'tcg';
  /** Why that accelerator, one sentence. */
  readonly accelReason: string;
  readonly qemuVersion: string;
}

/** The input of a report. */
export interface HtmlReportInput {
  readonly results: readonly RunResult[];
  /** At least one. */
  readonly hosts: readonly ReportHost[];
  readonly crashpathVersion: string;
  /** By runId, from `consoleExcerpt(whole console, result.evidence)`; a run without one shows no console. */
  readonly consoleExcerpts: ReadonlyMap<string, ConsoleExcerpt>;
  /** Of a campaign file: scenarios against kernels. */
  readonly campaignTable?: CampaignTable | undefined;
  /** Time of creation, ISO 8601; shown verbatim. */
  readonly generatedAt: string;
}

/** Runs that start open: the first unexpected ones; more would push the other runs out of sight. */
const OPEN_RUNS = 3;

/** A run with its anchor in the page. */
interface Entry {
  readonly result: RunResult;
  readonly id: string;
  readonly open: boolean;
}

/**
 * A campaign as one HTML file: no script, no external request (a content security policy forbids both), a light and a
 * dark palette, and a layout that fits phones. Pure.
 */
export function htmlReport({
  results,
  hosts,
  crashpathVersion,
  consoleExcerpts,
  campaignTable,
  generatedAt,
}: HtmlReportInput): string {
  const groups = groupTrials(results);
  const entries = entriesOf(groups);
  const campaigns = [...new Set(results.map(({ campaign }) => safeName(campaign)))];
  const title = campaigns.length === 1 ? `crashpath: ${campaigns[0]}` : 'crashpath';
  const cards = entries.map(({ result, id, open }) =>
    runCard(result, { id, open, excerpt: consoleExcerpts.get(result.runId) }),
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
<header>
<p class="brand">crashpath</p>
<h1>${campaigns.length === 0 ? 'No runs' : campaigns.join(', ')}</h1>
${tally(results)}
<dl class="facts">
<div><dt>made</dt><dd>${generatedAt}</dd></div>
<div><dt>crashpath</dt><dd>${safeName(crashpathVersion)}</dd></div>
${hosts.map(hostFacts)}
</dl>
</header>
${campaignTable === undefined ? undefined : campaignTableSection(campaignTable, new Map(entries.map(({ result, id }) => [result.runId, id])))}
<h2>Verdicts</h2>
${verdictRows(groups, entries)}
<h2>Runs</h2>
${legend()}
${cards.length === 0 ? html`<p class="quiet">No run came to a result.</p>` : cards}
</main>
</body>
</html>
`.text;
}

function hostFacts({ name, accel, accelReason, qemuVersion }: ReportHost): Markup {
  return html`${
    name === undefined
      ? undefined
      : html`<div><dt>host</dt><dd>${safeName(name)}</dd></div>
`
  }<div><dt>QEMU</dt><dd>${safeName(qemuVersion)}</dd></div>
<div><dt>accelerator</dt><dd>${accel} <span class="quiet">${safeSentence(accelReason)}</span></dd></div>
`;
}

/** Runs in the order of the table, trials in order. */
function entriesOf(groups: readonly TrialGroup[]): Entry[] {
  const results = groups.flatMap((group) => group.results.toSorted((a, b) => a.trial - b.trial));
  const opened = new Set(results.filter(({ outcome }) => outcome !== 'expected').slice(0, OPEN_RUNS));
  return results.map((result, index) => ({ result, id: `run-${index + 1}`, open: opened.has(result) }));
}

function tally(results: readonly RunResult[]): Markup {
  const counts = outcomeCounts(results);
  const bar = counts.map(
    ([outcome, count]) => html`<span class="${outcome}" style="flex-grow:${count}"></span>`,
  );
  return html`<div class="tally" role="img" aria-label="${outcomeSentence(results)}">${bar}</div>
<p class="counts"><b>${countOf(results.length, 'run')}</b> ${counts.map(([outcome, count]) => html`${outcomeChip(outcome, count)} `)}</p>`;
}

function verdictRows(groups: readonly TrialGroup[], entries: readonly Entry[]): Markup {
  const rows = groups.map((group) => {
    const links = entries
      .filter(({ result }) => group.results.includes(result))
      .map(
        ({ result, id }) =>
          html`<a class="${result.outcome}" href="#${id}" title="${verdictNameOf(result)}">${result.outcome === 'expected' ? '' : OUTCOME_MARKS[result.outcome]}${result.trial}</a> `,
      );
    const capture =
      group.captureKernel === undefined
        ? undefined
        : html`<br><span class="quiet">captured by ${group.captureKernel}</span>`;
    const machine =
      group.machine === undefined ? undefined : html`<br><span class="quiet">machine ${group.machine}</span>`;
    return html`<tr>
<th scope="row">${group.scenario}</th>
<td data-name="kernel">${group.kernel}${capture}${machine}</td>
<td data-name="verdicts">${group.verdicts.map(([name, count]) => html`<span class="verdict"><b>${count}</b> ${name}</span>`)}</td>
<td data-name="outcome">${group.outcomes.map(([outcome, count]) => html`${outcomeChip(outcome, count)} `)}</td>
<td data-name="median" class="number">${seconds(group.medianMs)}</td>
<td data-name="trials" class="trials">${links}</td>
</tr>
`;
  });
  return html`<table class="verdicts">
<thead><tr><th scope="col">scenario</th><th scope="col">kernel</th><th scope="col">verdicts</th><th scope="col">outcome</th><th scope="col" class="number">median</th><th scope="col">trials</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

function verdictNameOf({ verdict, outcome }: RunResult): string {
  return `${verdict}, ${outcome}`;
}

function legend(): Markup {
  return html`<p class="legend quiet"><span><span class="dot first observed"></span> first kernel</span> <span><span class="dot crash observed"></span> crash path</span> <span><span class="dot capture observed"></span> capture kernel</span> <span><span class="dot crash implied"></span> implied by a later rung</span> <span><span class="dot tail"></span> after the last rung</span></p>`;
}
