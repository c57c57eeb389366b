/** A line of a log file, decoded byte by byte (latin1). */
export interface NumberedLine {
  readonly text: string;
  /** Counted from 1, by line feeds, as editors count. Parts between carriage returns share a number. */
  readonly number: number;
  /** Offset of its first byte in the log. */
  readonly offset: number;
}

/** printk's own limit is 1 KiB (kernel/printk/internal.h, PRINTK_MESSAGE_MAX, v6.1); a collector adds a prefix. */
const MOST_LINE_BYTES = 8 * 1024;

/** Splits a log into lines, independent of its chunks. */
export interface LineNumberer {
  push(bytes: Buffer, each: (line: NumberedLine) => void): void;
  /** The unfinished last line. */
  flush(each: (line: NumberedLine) => void): void;
  /** Line feeds so far, and one more when bytes follow the last one. */
  readonly lines: number;
}

/**
 * A splitter with bounded memory: behind its first {@link MOST_LINE_BYTES} bytes a line is not read, so that a text in
 * the middle of a long line cannot be taken for its beginning. Empty lines are counted and left out.
 */
export function createLineNumberer(): LineNumberer {
  let pending = '';
  let pendingOffset = 0;
  let number = 1;
  let offset = 0;
  let isOpen = false;

  function end(each: (line: NumberedLine) => void): void {
    if (pending.length > 0) each({ text: pending, number, offset: pendingOffset });
    pending = '';
  }

  return {
    get lines() {
      return isOpen ? number : number - 1;
    },
    push(bytes, each) {
      const text = bytes.toString('latin1');
      let at = 0;
      let feed = indexOf(text, '\n', 0);
      let back = indexOf(text, '\r', 0);
      while (at < text.length) {
        if (feed < at) feed = indexOf(text, '\n', at);
        if (back < at) back = indexOf(text, '\r', at);
        const stop = Math.min(feed, back);
        if (pending.length === 0) pendingOffset = offset + at;
        if (pending.length < MOST_LINE_BYTES)
          pending += text.slice(at, Math.min(stop, at + MOST_LINE_BYTES - pending.length));
        isOpen = true;
        if (stop === text.length) break;
        end(each);
        if (stop === feed) {
          number += 1;
          isOpen = false;
        }
        at = stop + 1;
      }
      offset += text.length;
    },
    flush: end,
  };
}

function indexOf(text: string, sought: string, from: number): number {
  const found = text.indexOf(sought, from);
  return found < 0 ? text.length : found;
}
