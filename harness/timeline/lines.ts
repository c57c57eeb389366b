/** A line of a channel, decoded byte by byte (latin1) so that offsets in text and in bytes agree. */
export interface ChannelLine {
  readonly text: string;
  /** Offset of the line's first byte in the channel. */
  readonly offset: number;
  /** Bytes in the line, without its terminator. */
  readonly length: number;
}

/** Splits a byte stream into lines, independent of the chunking. */
export interface LineSplitter {
  push(bytes: Buffer): ChannelLine[];
  /** The unfinished last line, when there is one. */
  flush(): ChannelLine | undefined;
}

/**
 * A splitter for a channel. Both CR and LF end a line (serial consoles print CR LF, CR CR LF and lone CRs); empty lines
 * are dropped. A line longer than `maxLineBytes` is split there, so that a guest that never ends a line cannot fill the
 * host's memory.
 */
export function createLineSplitter(maxLineBytes: number): LineSplitter {
  // Pieces are joined once, at the line's end: a guest may send a long line byte by byte.
  let pending: string[] = [];
  let pendingLength = 0;
  let offset = 0;

  function take(): ChannelLine {
    const line = { text: pending.join(''), offset: offset - pendingLength, length: pendingLength };
    pending = [];
    pendingLength = 0;
    return line;
  }

  return {
    push(bytes) {
      const lines: ChannelLine[] = [];
      const text = bytes.toString('latin1');
      const { length } = text;
      let at = 0;
      let feed = indexOf(text, '\n', 0);
      let back = indexOf(text, '\r', 0);
      while (at < length) {
        if (feed < at) feed = indexOf(text, '\n', at);
        if (back < at) back = indexOf(text, '\r', at);
        const end = Math.min(feed, back, at + maxLineBytes - pendingLength);
        if (end > at) {
          if (pendingLength === 0 && end < length) {
            // The usual case, a line in one piece.
            lines.push({ text: text.slice(at, end), offset, length: end - at });
          } else {
            pending.push(text.slice(at, end));
            pendingLength += end - at;
          }
          offset += end - at;
          at = end;
        }
        if (at === length) break;
        // A terminator, or the first byte beyond the limit.
        if (pendingLength > 0) lines.push(take());
        if (at === feed || at === back) {
          at += 1;
          offset += 1;
        }
      }
      return lines;
    },
    flush() {
      return pendingLength === 0 ? undefined : take();
    },
  };
}

/** As `String.indexOf`, and the end of the text where there is none. */
function indexOf(text: string, sought: string, from: number): number {
  const found = text.indexOf(sought, from);
  return found < 0 ? text.length : found;
}
