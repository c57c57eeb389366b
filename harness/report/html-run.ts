import type { RunResult } from '../model/result.js';
import type { ConsoleExcerpt } from './console-excerpt.js';
import { html, type Markup } from './html.js';
import { ladderBar, ladderList } from './html-ladder.js';
import { OUTCOME_MARKS, outcomeChip } from './html-style.js';
import {
  accelName,
  preciseSeconds,
  safeName,
  safeSentence,
  seconds,
  shellWord,
  verdictName,
} from './words.js';

/** At most this many pieces of evidence are listed for a run. */
const EVIDENCE_LISTED = 50;

/** One run as a card that opens: `id` is its anchor, `open` whether it starts open. */
export function runCard(
  result: RunResult,
  { id, open, excerpt }: { id: string; open: boolean; excerpt: ConsoleExcerpt | undefined },
): Markup {
  const attributes = open ? html` open` : undefined;
  return html`<details class="run ${result.outcome}" id="${id}"${attributes}>
<summary><span class="mark" aria-hidden="true">${OUTCOME_MARKS[result.outcome]}</span><span class="what"><b>${verdictName(result)}</b> <span class="quiet">${safeName(result.detail)}</span></span><span class="where">${safeName(result.scenario)} <span class="quiet">on ${safeName(result.kernel)}${machineOf(result)}, trial ${result.trial}</span></span><span class="number">${seconds(result.durationMs)}</span></summary>
<div class="body">
<p class="explanation">${safeSentence(result.explanation)}</p>
<p>${outcomeChip(result.outcome)} <span class="quiet">${result.cell === undefined ? 'a healthy kernel gives' : 'the campaign expects'} ${safeName(result.expected)}</span>${degradedBy(result)}${notJudged(result)}</p>
${ladderBar(result)}
<div class="columns"><section><h4>Phases</h4>${ladderList(result)}</section><section><h4>Evidence</h4>${evidenceList(result)}</section></div>
${excerpt === undefined ? undefined : consoleBlock(excerpt)}
<p class="quiet foot">run ${safeName(result.runId)}, ${accelName(result)}${result.host === undefined ? '' : ` on ${safeName(result.host)}`}, kernel sha256 <code>${safeName(result.kernelSha256.slice(0, 12))}</code>${captureKernel(result)}<br>judge again: <code>crashpath classify ${shellWord(result.directory)}</code></p>
</div></details>
`;
}

function machineOf({ machine }: RunResult): string {
  return machine === undefined ? '' : `, machine ${safeName(machine)}`;
}

function degradedBy({ degradedBy: reasons }: RunResult): Markup | undefined {
  return reasons.length === 0
    ? undefined
    : html` <span class="quiet">degraded by ${safeSentence(reasons.join(', '))}</span>`;
}

function notJudged({ undecided = [] }: RunResult): Markup | undefined {
  return undecided.length === 0
    ? undefined
    : html` <span class="quiet">not judged: ${safeSentence(undecided.join(', '))}</span>`;
}

function captureKernel(result: RunResult): Markup | undefined {
  return result.captureKernelSha256 === result.kernelSha256
    ? undefined
    : html`, capture kernel ${safeName(result.captureKernel)} sha256 <code>${safeName(result.captureKernelSha256.slice(0, 12))}</code>`;
}

function evidenceList({ evidence }: RunResult): Markup {
  if (evidence.length === 0) return html`<p class="quiet">None.</p>`;
  const items = evidence.slice(0, EVIDENCE_LISTED).map(({ source, offset, line, atMs, what, excerpt }) => {
    const place = offset === undefined ? `line ${line ?? '?'}` : `byte ${offset}`;
    return html`<li><b>${safeName(what)}</b> <span class="quiet">${source} ${place}, ${preciseSeconds(atMs)} s</span><br><code>${safeSentence(excerpt)}</code></li>`;
  });
  const hidden = evidence.length - items.length;
  return html`<ul class="evidence">${items}</ul>${hidden > 0 ? html`<p class="quiet">And ${hidden} more.</p>` : undefined}`;
}

function consoleBlock({ lines, endsAt, consoleBytes }: ConsoleExcerpt): Markup {
  const last = lines.at(-1);
  if (last === undefined) return html`<h4>Console</h4><p class="quiet">The guest printed nothing.</p>`;
  const why = endsAt === 'evidence' ? 'around the last line that the verdict cites' : 'its last lines';
  const width = String(last.number).length;
  const rows = lines.map(
    ({ number, text }) => html`<span class="at">${String(number).padStart(width)}</span> ${text}\n`,
  );
  return html`<h4>Console <span class="quiet">${why}; line ${last.number} begins at byte ${last.offset} of ${consoleBytes}</span></h4><pre tabindex="0">${rows}</pre>`;
}
