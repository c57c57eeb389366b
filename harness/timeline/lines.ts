/** A line of a channel, decoded byte by byte (latin1) so that offsets in text and in bytes agree. */
export interface ChannelLine {
  readonly text: string;
  /** Offset of the line's first byte in the channel. */
  readonly offset: number;
  /** Bytes in the line, without its terminator. */
  readonly length: number;
}

/** Splits a byte stream into lines, whatever the chunking. */
export interface LineSplitter {
  push(bytes: Buffer): ChannelLine[];
  /** The unfinished last line, when there is one. */
  flush(): ChannelLine | undefined;
}

/**
 * A splitter for a channel. Both CR and LF end a line (serial consoles print CR LF, CR CR LF and lone CRs); empty
 * lines are dropped. A line longer than `maxLineBytes` is cut there, so that a guest that never ends a line
 * cannot fill the host's memory.
 */
export function createLineSplitter(maxLineBytes: number): LineSplitter {
  let pending = '';
  let pendingOffset = 0;
  return {
    push(bytes) {
      const lines: ChannelLine[] = [];
      let text = pending + bytes.toString('latin1');
      let offset = pendingOffset;
      let start = 0;
      // Bytes already known to hold no terminator are not searched again.
      for (let i = pending.length; i < text.length; i++) {
        const code = text.charCodeAt(i);
        const ends = code === 0x0a || code === 0x0d;
        if (!ends && i - start < maxLineBytes) continue;
        if (i > start) lines.push({ text: text.slice(start, i), offset: offset + start, length: i - start });
        start = ends ? i + 1 : i;
      }
      offset += start;
      text = text.slice(start);
      pending = text;
      pendingOffset = offset;
      return lines;
    },
    flush() {
      if (pending === '') return undefined;
      const line = { text: pending, offset: pendingOffset, length: pending.length };
      pendingOffset += pending.length;
      pending = '';
      return line;
    },
  };
}
