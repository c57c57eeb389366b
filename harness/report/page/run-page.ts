import { PHASES } from '../../model/phase.js';
import type { HostFact } from '../../model/record.js';
import type { RunResult } from '../../model/result.js';
import { excerptText } from '../excerpt-text.js';
import { reproduceCommand } from '../../plan/reproduce.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { rowName } from '../campaign-table-text.js';
import { interruptStateLines } from '../interrupt-state.js';
import { silentLogs } from '../kernel-log.js';
import {
  accelName,
  countOf,
  preciseSeconds,
  safeCommand,
  safeName,
  safeSentence,
  seconds,
  shellWord,
  startText,
  verdictName,
} from '../words.js';
import { shownConsole, type ShownConsole } from './consoles.js';
import { html, type Markup } from './html.js';
import { ladderBar, ladderList } from './ladder.js';
import { vcpuSection } from './vcpus.js';
import { chip, OUTCOME_SHOWN } from './tone.js';

/** What the page shows of one run's recording. */
export interface RunMaterial {
  readonly result: RunResult;
  /** Absent when it is damaged. */
  readonly plan?: RunPlan | undefined;
  /** The recorded channels, whole. */
  readonly console: Buffer;
  readonly control: Buffer;
  /** Byte of the console at which the capture kernel's output begins; absent when it never started. */
  readonly captureStart?: number | undefined;
  /** What the host did or saw, in order. */
  readonly facts: readonly HostFact[];
}

/** At most this many pieces of evidence, proofs and steps are listed for a run. */
const LISTED = 50;

/** Everything about one run, as the contents of its section; `lines` bounds each of its consoles. Pure. */
export function runPage(run: RunMaterial, { lines }: { lines: number }): Markup {
  const { result, plan, facts } = run;
  const interrupts = facts.findLast((fact) => fact.fact === 'interrupt-state');
  return html`<h1 class="${OUTCOME_SHOWN[result.outcome].tone}" tabindex="-1">${verdictName(result)} <span class="quiet">${safeName(result.detail)}</span></h1>
<p class="subject"><b>${rowName(result)}</b> on <b>${safeName(result.kernel)}</b>, trial ${result.trial}, ${seconds(result.durationMs)}</p>
<p class="explanation">${safeSentence(result.explanation)}</p>
<p>${chip(OUTCOME_SHOWN[result.outcome])} <span class="quiet">${result.cell === undefined ? 'a healthy kernel gives' : 'the campaign expects'} ${safeName(result.expected)}</span>${reasons(result)}</p>
${ladderBar(result)}
<div class="columns"><section><h2>Phases</h2>${ladderList(result)}</section><section><h2>Evidence</h2>${evidenceList(result)}</section></div>
${consoles(run, lines)}
${vcpuSection(facts)}
${
  interrupts === undefined
    ? undefined
    : html`<section><h2>Interrupt controllers <span class="quiet">right before firing</span></h2>${textBlock('Interrupt controllers', interruptStateLines(interrupts).map(safeSentence))}</section>
`
}${proofs(facts)}<section><h2>Again</h2>
<dl class="commands">${
    plan === undefined
      ? undefined
      : html`<div><dt>run it again</dt><dd><code class="command">${safeCommand(reproduceCommand(plan))}</code></dd></div>
`
  }<div><dt>judge the recording again</dt><dd><code class="command">crashpath classify ${shellWord(result.directory)}</code></dd></div>
</dl>
${identity(result, plan)}</section>
`;
}

function reasons({ degradedBy, undecided = [], voidOk }: RunResult): Markup {
  const note = (words: string) => html` <span class="quiet">${safeSentence(words)}</span>`;
  return html`${degradedBy.length === 0 ? undefined : note(`degraded by ${degradedBy.join(', ')}`)}${undecided.length === 0 ? undefined : note(`not judged: ${undecided.join(', ')}`)}${voidOk === undefined ? undefined : note(`explained: ${voidOk}`)}`;
}

function evidenceList({ evidence }: RunResult): Markup {
  if (evidence.length === 0) return html`<p class="quiet">None.</p>`;
  const items = evidence.slice(0, LISTED).map(({ source, offset, line, atMs, what, excerpt }) => {
    const place = offset === undefined ? `line ${line ?? '?'}` : `byte ${offset}`;
    return html`<li><b>${safeName(what)}</b> <span class="quiet">${source} ${place}, ${preciseSeconds(atMs)} s</span><br><code>${safeSentence(excerptText(excerpt))}</code></li>`;
  });
  return html`<ul class="evidence">${items}</ul>${more(evidence.length)}`;
}

function more(count: number): Markup | undefined {
  return count > LISTED ? html`<p class="quiet">And ${count - LISTED} more.</p>` : undefined;
}

/** The first kernel's console beside that of the capture kernel; below them logs from memory, and the control channel. */
function consoles({ result, console, control, captureStart, facts }: RunMaterial, most: number): Markup {
  const split = Math.min(console.length, captureStart ?? console.length);
  const options = { evidence: result.evidence, most };
  const first = shownConsole(console, { channel: 'console', from: 0, to: split }, options);
  const capture = shownConsole(console, { channel: 'console', from: split, to: console.length }, options);
  const wire = shownConsole(
    control,
    { channel: 'control', from: 0, to: control.length },
    { ...options, most: Math.min(most, 60) },
  );
  const logs = facts.flatMap((fact) => (fact.fact === 'kernel-log' ? [fact] : []));
  const silent = silentLogs(logs, console).map(
    ({
      side,
      lines,
      total,
    }) => html`<section><h2>Log of the ${side === 'capture' ? 'capture' : 'first'} kernel <span class="quiet">read from its memory: its console does not have all of it; the last ${lines.length} of ${total} lines</span></h2>${textBlock('Kernel log', lines)}</section>
`,
  );
  const never = captureStart === undefined ? 'The capture kernel printed nothing.' : undefined;
  return html`<div class="consoles">${consoleSection('Console of the first kernel', first, 'The first kernel printed nothing.')}${consoleSection('Console of the capture kernel', capture, never ?? 'Nothing more.')}</div>
${silent}<details class="wire"><summary>Control channel <span class="quiet">${countOf(wire.lines, 'line')}</span></summary>${consoleText('Control channel', wire)}</details>
`;
}

function consoleSection(title: string, shown: ShownConsole, empty: string): Markup {
  const amount = html`<span class="quiet">${countOf(shown.lines, 'line')}, ${countOf(shown.bytes, 'byte')}</span>`;
  return html`<section class="${shown.rows.length === 0 ? 'silent' : 'heard'}"><h2>${title} ${amount}</h2>${shown.rows.length === 0 ? html`<p class="quiet">${empty}</p>` : consoleText(title, shown)}</section>
`;
}

function consoleText(title: string, { rows }: ShownConsole): Markup {
  const lines = rows.map((row) => {
    if (row.kind === 'left-out') return html`<s>${countOf(row.lines, 'line')} not in this page</s>\n`;
    if (row.cited.length === 0) return html`<i>${row.number}</i>${row.text}\n`;
    return html`<mark><i>${row.number}</i>${row.text} <b>\u25c0 ${row.cited.join(', ')}</b></mark>\n`;
  });
  return html`<pre class="console" tabindex="0" role="group" aria-label="${title}">${lines}</pre>`;
}

function textBlock(label: string, lines: readonly string[]): Markup {
  return html`<pre tabindex="0" role="group" aria-label="${label}">${lines.map((line) => html`${line}\n`)}</pre>`;
}

/** What was proved before firing, and the steps of a choreography, in order. */
function proofs(facts: readonly HostFact[]): Markup | undefined {
  const told = facts.flatMap((fact) => {
    if (fact.fact === 'proof')
      return [{ mark: fact.proved ? '\u2713' : '\u2717', what: fact.what, saw: fact.saw }];
    if (fact.fact === 'step' && fact.verb !== 'prove')
      return [{ mark: '\u00b7', what: `${fact.index}. ${fact.verb}`, saw: fact.saw }];
    return fact.fact === 'fired' ? [{ mark: '\u2192', what: 'fired', saw: fact.how }] : [];
  });
  if (told.length === 0) return undefined;
  const items = told
    .slice(0, LISTED)
    .map(
      ({ mark, what, saw }) =>
        html`<li>${mark} <b>${safeName(what)}</b> <span class="quiet">${safeSentence(saw)}</span></li>\n`,
    );
  return html`<section><h2>Proofs and steps</h2><ul class="plain">${items}</ul>${more(told.length)}</section>
`;
}

function identity(result: RunResult, plan: RunPlan | undefined): Markup {
  const where = result.host === undefined ? '' : ` on ${safeName(result.host)}`;
  const capture =
    result.captureKernelSha256 === result.kernelSha256
      ? undefined
      : html`, capture kernel ${safeName(result.captureKernel)} sha256 <code>${safeName(result.captureKernelSha256.slice(0, 12))}</code>`;
  const repacked = result.repacked === undefined ? '' : `, repacked: ${result.repacked}`;
  const loaded = result.loadSyscall === undefined ? '' : `, loaded by ${result.loadSyscall}`;
  const last =
    result.lastPhase === null
      ? 'none'
      : `${result.lastPhase} (${PHASES.indexOf(result.lastPhase) + 1} of ${PHASES.length})`;
  const start = result.clone === undefined ? undefined : html`, ${startText(result.clone)}`;
  const about = plan === undefined ? undefined : html`<br>${safeSentence(plan.scenario.summary)}`;
  return html`<p class="quiet foot">run ${safeName(result.runId)} of ${safeName(result.campaign)}, ${accelName(result)}${where}, last phase ${last}, kernel sha256 <code>${safeName(result.kernelSha256.slice(0, 12))}</code>${capture}${loaded}${repacked}${start}${about}</p>`;
}
