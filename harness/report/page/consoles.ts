import { escapeGuestText } from '../../model/escape.js';
import type { Channel } from '../../model/record.js';
import type { RunResult } from '../../model/result.js';
import { behindReturns } from '../console-excerpt.js';

/** Longest line shown, bytes; a longer one is cut and marked. */
const LINE_BYTES = 240;
/** Lines shown on either side of one that the verdict cites. */
const AROUND = 4;
/** Lines shown of the beginning. */
const BEGINNING = 3;

/** A line of a console, safe to print. */
export interface ShownLine {
  readonly kind: 'line';
  /** From 1, counted by line feeds from the start of the channel. */
  readonly number: number;
  readonly text: string;
  /** What the verdict cites it for; empty for most. */
  readonly cited: readonly string[];
}

/** Lines that the page leaves out. */
export interface LeftOut {
  readonly kind: 'left-out';
  readonly lines: number;
}

/** A part of a channel's recording. */
export interface ShownConsole {
  readonly lines: number;
  readonly bytes: number;
  readonly rows: readonly (ShownLine | LeftOut)[];
}

/** The part of a channel to show. Offsets are bytes of the whole recording. */
export interface Part {
  readonly channel: Channel;
  readonly from: number;
  readonly to: number;
}

/**
 * At most `most` lines of a part of a channel: those that the verdict cites, some around each, the first ones, and the
 * last ones. Pure; the recording may hold anything.
 */
export function shownConsole(
  bytes: Buffer,
  { channel, from, to }: Part,
  { evidence, most }: { evidence: RunResult['evidence']; most: number },
): ShownConsole {
  const starts = lineStarts(bytes, from, to);
  const cited = citedLines(starts, { evidence, channel, from, to });
  const chosen = choose(starts.length, [...cited.keys()], most);
  const before = lineFeeds(bytes, from);
  const rows: (ShownLine | LeftOut)[] = [];
  let next = 0;
  for (const index of chosen) {
    if (index > next) rows.push({ kind: 'left-out', lines: index - next });
    const text = textOfLine(bytes, starts[index] ?? from, starts[index + 1] ?? to);
    rows.push({ kind: 'line', number: before + index + 1, text, cited: cited.get(index) ?? [] });
    next = index + 1;
  }
  if (next < starts.length) rows.push({ kind: 'left-out', lines: starts.length - next });
  return { lines: starts.length, bytes: to - from, rows };
}

/** Offset of each line; a part that is empty has none. */
function lineStarts(bytes: Buffer, from: number, to: number): number[] {
  const starts: number[] = [];
  let at = from;
  while (at < to) {
    starts.push(at);
    const feed = bytes.indexOf(0x0a, at);
    if (feed === -1) break;
    at = feed + 1;
  }
  return starts;
}

function lineFeeds(bytes: Buffer, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at !== -1 && at < end; at = bytes.indexOf(0x0a, at + 1)) count += 1;
  return count;
}

/** Indexes of the lines in which a piece of evidence begins, with what it is cited for. */
function citedLines(
  starts: readonly number[],
  { evidence, channel, from, to }: Part & { evidence: RunResult['evidence'] },
): Map<number, string[]> {
  const cited = new Map<number, string[]>();
  for (const { source, offset, what } of evidence) {
    if (source !== channel || offset === undefined || offset < from || offset >= to) continue;
    const line = lineAt(starts, offset);
    const known = cited.get(line) ?? [];
    const word = escapeGuestText(what, 80);
    if (!known.includes(word)) cited.set(line, [...known, word]);
  }
  return cited;
}

/** Index of the line that holds an offset. */
function lineAt(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Which of `count` lines are shown, ascending: the more important first, until there are `most`. */
function choose(count: number, cited: readonly number[], most: number): number[] {
  const chosen = new Set<number>();
  const add = (index: number) => {
    if (chosen.size < most && index >= 0 && index < count) chosen.add(index);
  };
  // The last cited line decides, so it comes first.
  const byWeight = cited.toSorted((a, b) => b - a);
  for (const index of byWeight) add(index);
  for (const index of byWeight) {
    for (let distance = 1; distance <= AROUND; distance++) {
      add(index + distance);
      add(index - distance);
    }
  }
  for (let index = 0; index < BEGINNING; index++) add(index);
  for (let index = count - 1; index >= 0 && chosen.size < most; index--) add(index);
  return [...chosen].sort((a, b) => a - b);
}

/** Only what is shown is decoded: a line may have megabytes. */
function textOfLine(bytes: Buffer, start: number, next: number): string {
  const begin = behindReturns(bytes, { start, end: next });
  const text = bytes.toString('latin1', begin, Math.min(next, begin + LINE_BYTES + 2));
  return escapeGuestText(text.replace(/[\r\n]+$/, ''), LINE_BYTES);
}
