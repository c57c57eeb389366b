import type { RunResult } from '../model/result.js';
import { escapeGuestText } from '../model/escape.js';

/** Longest console line shown, bytes; a longer one is cut and marked. */
const LINE_BYTES = 200;

/** One console line, safe to print. */
export interface ConsoleLine {
  /** From 1, counted by line feeds. */
  readonly number: number;
  /** Byte offset of its start in the recorded console. */
  readonly offset: number;
  /** Escaped, from at most about 200 characters of the guest. */
  readonly text: string;
}

/** The relevant lines of a console. */
export interface ConsoleExcerpt {
  /** Where it ends: shortly after the last console evidence, or at the end of the recording. */
  readonly endsAt: 'evidence' | 'end-of-console';
  readonly lines: readonly ConsoleLine[];
  /** Length of the whole recorded console, bytes. */
  readonly consoleBytes: number;
}

/** Verdicts about the end of the guest: the last lines count, whatever line shows how it came there. */
const BY_ITS_END: ReadonlySet<RunResult['verdict']> = new Set([
  'capture-hang',
  'capture-reset',
  'capture-no-vmcore',
  'cannot-tell',
]);

/** The lines that a verdict is about: the last ones of the console, or those around the last one that it cites. */
export function excerptOf(
  result: Pick<RunResult, 'verdict' | 'evidence'> | undefined,
  bytes: Buffer,
  limits: ExcerptLimits = {},
): ConsoleExcerpt {
  const byItsEnd = result === undefined || BY_ITS_END.has(result.verdict);
  return consoleExcerpt(bytes, byItsEnd ? [] : result.evidence, limits);
}

/** How much {@link consoleExcerpt} shows. */
export interface ExcerptLimits {
  readonly maxLines?: number;
  /** After the last line that the verdict cites. */
  readonly linesAfter?: number;
}

/**
 * Up to `maxLines` whole lines that end `linesAfter` lines after the last console line that the verdict cites (a
 * panic's first line is cited; the rest of its report follows), or at the end of the console when the verdict cites
 * none (or cites bytes that the recording does not have). Pure.
 */
export function consoleExcerpt(
  bytes: Buffer,
  evidence: RunResult['evidence'] = [],
  { maxLines = 30, linesAfter = 15 }: ExcerptLimits = {},
): ConsoleExcerpt {
  const cited = lastCitedByte(evidence, bytes.length);
  const endByte = cited === undefined ? bytes.length - 1 : linesBehind(bytes, cited, linesAfter);
  const lines: ConsoleLine[] = [];
  let offset = startOfLine(bytes, endByte);
  let number = 1 + countLineFeeds(bytes, offset);
  while (lines.length < maxLines && bytes.length > 0) {
    lines.unshift({ number, offset, text: lineAt(bytes, offset) });
    if (offset === 0) break;
    offset = startOfLine(bytes, offset - 1);
    number -= 1;
  }
  return { endsAt: cited === undefined ? 'end-of-console' : 'evidence', lines, consoleBytes: bytes.length };
}

/** The last byte that the evidence cites; evidence is not in order of offsets. */
function lastCitedByte(evidence: RunResult['evidence'], consoleBytes: number): number | undefined {
  const ends = evidence.flatMap(({ source, offset, length }) => {
    if (source !== 'console' || offset === undefined || offset < 0 || offset >= consoleBytes) return [];
    return [Math.min(consoleBytes, offset + Math.max(1, length ?? 1)) - 1];
  });
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** Start of the line that holds a byte; a line feed belongs to the line that it ends. */
function startOfLine(bytes: Buffer, byte: number): number {
  return byte <= 0 ? 0 : bytes.lastIndexOf(0x0a, byte - 1) + 1;
}

/** The last byte of the line `count` lines after the one that holds `byte`, or of the last line. */
function linesBehind(bytes: Buffer, byte: number, count: number): number {
  let end = byte;
  for (let line = 0; line <= count; line++) {
    const feed = bytes.indexOf(0x0a, line === 0 ? end : end + 1);
    if (feed === -1) return bytes.length - 1;
    end = feed;
  }
  return end;
}

function countLineFeeds(bytes: Buffer, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at !== -1 && at < end; at = bytes.indexOf(0x0a, at + 1)) count += 1;
  return count;
}

function lineAt(bytes: Buffer, offset: number): string {
  const feed = bytes.indexOf(0x0a, offset);
  const end = feed === -1 ? bytes.length : feed;
  const start = behindReturns(bytes, { start: offset, end });
  // One byte more than is shown lets the escape mark the cut; decoding all of a flood would be waste.
  const text = bytes.toString('latin1', start, Math.min(end, start + LINE_BYTES + 2));
  return escapeGuestText(text.replace(/\r+$/, ''), LINE_BYTES);
}

/** Where the text of a line begins: a guest's serial driver may return the carriage a hundred times before it. Pure. */
export function behindReturns(bytes: Buffer, { start, end }: { start: number; end: number }): number {
  let at = start;
  while (at < end && bytes[at] === 0x0d) at += 1;
  return at;
}
