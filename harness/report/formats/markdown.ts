import { countOf, safeName, safeSentence } from '../words.js';
import { mdBlock, mdCode, mdText } from './markdown-text.js';
import {
  type Report,
  type ReportedCell,
  type ReportedLine,
  type ReportedRun,
  statusCounts,
  type TestStatus,
} from './report-model.js';
import { rateText } from './report-of.js';
import { consoleText, pText } from './test-tree.js';

/** How much {@link markdownText} says. */
export interface MarkdownLimits {
  /** Cells that are described; the table has the others. */
  readonly described: number;
  /** Rows of the table. */
  readonly rows: number;
  /** Lines of a console. */
  readonly lines: number;
}

const LIMITS: MarkdownLimits = { described: 20, rows: 1000, lines: 20 };

/** Words of a cell's status outside a night. */
const STATUS_WORDS: Readonly<Record<TestStatus, string>> = {
  failed: 'failed',
  error: 'harness error',
  skipped: 'not judged',
  passed: 'as expected',
};

/**
 * A report as Markdown, for a mail or a step summary: first, in words, what regressed or failed, each with its console and
 * the command to reproduce it; then the table of all cells. Pure.
 */
export function markdownText(report: Report, limits: MarkdownLimits = LIMITS): string {
  const { title, version, startedAt, night } = report;
  const lines = [
    `# ${night === undefined ? 'crashpath' : 'crashpath night'} ${mdText(night?.name ?? title)}`,
    '',
    ...blindness(report),
    summarySentence(report),
    '',
    ...described(report, limits),
    ...table(report, limits),
    ...controls(report),
    ...notes(report),
    mdText(`crashpath ${version}${startedAt === undefined ? '' : `, begun ${startedAt}`}`),
  ];
  return `${lines.join('\n')}\n`;
}

function blindness({ night }: Report): string[] {
  if (night?.blind !== true) return [];
  return [
    '**The night is blind: a control failed. Nothing below says anything about a kernel.**',
    '',
    ...night.blindBecause.map((why) => `- ${mdText(why)}`),
    '',
  ];
}

/** `1 of 12 cells regressed, 11 unchanged.` */
export function summarySentence({ cells, night }: Report): string {
  const of = countOf(cells.length, 'cell');
  if (night === undefined) {
    const parts = statusCounts(cells).flatMap(([status, count]) =>
      count === 0 ? [] : [`${count} ${STATUS_WORDS[status]}`],
    );
    return `${of}: ${parts.join(', ') || 'nothing was run'}.`;
  }
  const words = ['regressed', 'suspect', 'cannot-tell', 'fixed', 'unchanged'] as const;
  const parts = words.flatMap((word) => {
    const count = cells.filter((cell) => cell.word === word).length;
    return count === 0 ? [] : [`${count} ${word.replace('-', ' ')}`];
  });
  return `${of}: ${parts.join(', ') || 'nothing was run'}.`;
}

/** The cells to be read: those that did not pass, and those that a night calls fixed. */
function described({ cells, night }: Report, { described: most, lines }: MarkdownLimits): string[] {
  const wanted = cells.filter(({ status, word }) =>
    word === undefined ? status !== 'passed' : word !== 'unchanged',
  );
  const shown = wanted.slice(0, most);
  const hidden = wanted.length - shown.length;
  return [
    ...shown.flatMap((cell) => (night?.blind === true ? blindCell(cell) : cellSection(cell, lines))),
    ...(hidden === 0 ? [] : [`And ${countOf(hidden, 'more cell')}, in the table.`, '']),
  ];
}

function heading({ scenario, place, word, status }: ReportedCell): string {
  return `## ${mdText(word?.replace('-', ' ') ?? STATUS_WORDS[status])}: ${mdText(scenario)} on ${mdText(place)}`;
}

/** In a blind night a cell gets a line, no console: there is nothing to look for in it. */
function blindCell(cell: ReportedCell): string[] {
  return [heading(cell), '', mdText(cell.headline), ''];
}

function cellSection(cell: ReportedCell, mostLines: number): string[] {
  const { headline, rate, verdicts, reproduce, night } = cell;
  const worst = worstRun(cell);
  const shown = worst?.console.slice(-mostLines) ?? [];
  return [
    heading(cell),
    '',
    mdText(headline),
    '',
    `- ${mdText(verdicts === '' ? rate : `${rate}: ${verdicts}`)}`,
    ...(night?.baselines ?? []).map(
      ({ kind, kernel, night: when, tally, pValue, conclusion }) =>
        `- baseline ${mdCode(safeName(kernel.name))} (${kind === 'pinned' ? 'pinned' : `last good${when === undefined ? '' : `, night ${mdText(safeName(when))}`}`}): ${mdText(`${rateText(tally)}; ${pText(pValue)} corrected; ${safeSentence(conclusion)}`)}`,
    ),
    ...(worst === undefined
      ? []
      : [`- run ${mdCode(worst.runId)}${worst.headline === headline ? '' : `: ${mdText(worst.headline)}`}`]),
    '',
    ...(shown.length === 0 ? [] : [consoleTitle(shown), '', ...mdBlock(shown.map(consoleText), 'text'), '']),
    ...(reproduce === undefined ? [] : ['Reproduce:', '', ...mdBlock([reproduce], 'sh'), '']),
  ];
}

function consoleTitle(lines: readonly ReportedLine[]): string {
  return lines.some(({ decides }) => decides)
    ? 'Console around the last line that the verdict cites; `>` marks what it cites:'
    : 'Last lines of the console:';
}

/** The run that the console is shown of. */
function worstRun({ runs, night }: ReportedCell): ReportedRun | undefined {
  const having = runs.filter(({ console }) => console.length > 0);
  return having[0] ?? (night === undefined ? runs.find(({ status }) => status !== 'passed') : undefined);
}

function table({ cells, night }: Report, { rows }: MarkdownLimits): string[] {
  if (cells.length === 0) return [];
  const shown = cells.slice(0, rows);
  const hidden = cells.length - shown.length;
  const p = night === undefined ? [] : ['p'];
  const head = [
    'scenario',
    'kernel',
    night === undefined ? 'state' : 'word',
    'runs',
    'not captured',
    ...p,
    'verdicts',
  ];
  return [
    '## Cells',
    '',
    row(head),
    row(head.map(() => '---')),
    ...shown.map(({ scenario, place, status, word, tally, rate, verdicts, night: own }) =>
      row([
        mdText(scenario),
        mdText(place),
        word === 'regressed' || status === 'failed'
          ? `**${word ?? 'failed'}**`
          : (word ?? STATUS_WORDS[status]),
        String(tally.trials),
        mdText(rate),
        ...(night === undefined ? [] : [mdText(pText(own?.pValue ?? null))]),
        mdText(verdicts),
      ]),
    ),
    '',
    ...(hidden === 0 ? [] : [`And ${countOf(hidden, 'more cell')}.`, '']),
  ];
}

function controls({ night }: Report): string[] {
  if (night === undefined || night.controls.length === 0) return [];
  return [
    '## Controls',
    '',
    ...night.controls.map(
      ({ name, status, headline }) =>
        `- ${status === 'passed' ? 'held' : '**failed**'}: ${mdCode(name)}: ${mdText(headline)}`,
    ),
    '',
  ];
}

function notes({ night }: Report): string[] {
  const all = [
    ...(night?.outOfBudget === true
      ? ['the budget ended the night before all that was planned had run']
      : []),
    ...(night?.faults ?? []),
  ];
  return all.length === 0 ? [] : ['## Notes', '', ...all.map((note) => `- ${mdText(note)}`), ''];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
