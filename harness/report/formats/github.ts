import { markdownText, summarySentence } from './markdown.js';
import type { Report } from './report-model.js';

/** GitHub refuses the summary of a step that is larger than 1 MiB. */
const SUMMARY_BYTES = 1024 * 1024;
/** Annotations of a kind that GitHub keeps for one step. */
const ANNOTATIONS = 10;
/** GitHub shows about as much of an annotation. */
const MESSAGE_CHARACTERS = 2000;

/** What a step of GitHub Actions gets. */
export interface GithubReport {
  /** Workflow commands, one a line: they must reach the step's standard output. */
  readonly annotations: string;
  /** Markdown for the file that `$GITHUB_STEP_SUMMARY` names. */
  readonly summary: string;
}

/**
 * A report for GitHub Actions: an error for each cell that regressed or failed, and for a blind night; a warning for each
 * that is suspect or was not judged. No line of the summary is a workflow command, since it may be printed. Pure.
 */
export function githubReport(report: Report): GithubReport {
  return { annotations: annotationsOf(report), summary: boundedSummary(report) };
}

interface Annotation {
  readonly level: 'error' | 'warning';
  readonly title: string;
  readonly message: string;
}

function annotationsOf({ cells, night }: Report): string {
  const blind = (night?.blindBecause ?? []).map(
    (why): Annotation => ({ level: 'error', title: 'crashpath: the night is blind', message: why }),
  );
  const ofCells = (night?.blind === true ? [] : cells).flatMap((cell): Annotation[] => {
    const { scenario, place, status, word, headline, reproduce } = cell;
    if (status === 'passed') return [];
    const level = status === 'failed' || status === 'error' ? 'error' : 'warning';
    const again = reproduce === undefined ? '' : `\nreproduce: ${reproduce}`;
    return [
      {
        level,
        title: `crashpath: ${word ?? status}: ${scenario} on ${place}`,
        message: `${headline}${again}`,
      },
    ];
  });
  const all = [...blind, ...ofCells];
  return (['error', 'warning'] as const)
    .flatMap((level) => bounded(all.filter((one) => one.level === level)))
    .map(commandOf)
    .join('');
}

/** GitHub drops what is too much without a word; the last one says how many there are. */
function bounded(all: readonly Annotation[]): Annotation[] {
  const [first] = all;
  if (first === undefined || all.length <= ANNOTATIONS) return [...all];
  const shown = all.slice(0, ANNOTATIONS - 1);
  const message = `${all.length - shown.length} more are in the step's summary`;
  return [...shown, { level: first.level, title: 'crashpath', message }];
}

/** A workflow command, escaped as GitHub's own toolkit does (actions/toolkit, packages/core/src/command.ts). */
function commandOf({ level, title, message }: Annotation): string {
  return `::${level} title=${escapeProperty(title)}::${escapeData(message.slice(0, MESSAGE_CHARACTERS))}\n`;
}

function escapeData(text: string): string {
  return text.replace(/[%\r\n]/g, (character) => HEX[character] ?? '');
}

function escapeProperty(text: string): string {
  return text.replace(/[%\r\n:,]/g, (character) => HEX[character] ?? '');
}

const HEX: Readonly<Record<string, string>> = {
  '%': '%25',
  '\r': '%0D',
  '\n': '%0A',
  ':': '%3A',
  ',': '%2C',
};

function boundedSummary(report: Report): string {
  for (const limits of [
    { described: 20, rows: 1000, lines: 20 },
    { described: 10, rows: 300, lines: 10 },
  ]) {
    const text = withoutCommands(markdownText(report, limits));
    if (Buffer.byteLength(text) <= SUMMARY_BYTES) return text;
  }
  return `${summarySentence(report)} The table is too large for a step's summary.\n`;
}

/**
 * The runner takes a line that begins with `::` for a command, and the older form `##[` anywhere in a line
 * (actions/runner, src/Runner.Common/ActionCommand.cs). crashpath's own escape of a guest's byte breaks both.
 */
function withoutCommands(text: string): string {
  return text.replace(/^(\s*):(?=:)/gm, '$1\\x3a').replaceAll('##[', '#\\x23[');
}
