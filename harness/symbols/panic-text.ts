const MARK = Buffer.from('Kernel panic - not syncing: ', 'latin1');
/** The text of a record begins behind its 8-byte id, and records are aligned to it. */
const ALIGNMENT = 8;
/** printk's longest record is 1 KiB (kernel/printk/internal.h, PRINTKRB_RECORD_MAX, v6.1). */
export const MOST_RECORD_BYTES = 1024;

/**
 * The messages of panics in records of a printk ring buffer (kernel/printk/printk_ringbuffer.c, struct prb_data_block,
 * since v5.10), wherever they lie in `bytes`, which begin at a multiple of 8. The format string of panic() and its end
 * mark are no records. For a kernel whose symbols are not known: its ring buffer cannot be found by name. A record's
 * length is kept elsewhere, so that a message may have bytes of an older record at its end: see {@link panicBuffersIn}.
 */
export function panicsIn(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = bytes.indexOf(MARK); at !== -1; at = bytes.indexOf(MARK, at + 1)) {
    if (at % ALIGNMENT !== 0 || at < ALIGNMENT) continue;
    const text = printable(bytes.subarray(at + MARK.length, at + MOST_RECORD_BYTES));
    if (text !== undefined && text !== '' && !text.includes('%s')) found.push(text);
  }
  return found;
}

/** The printable characters at the start; undefined when they do not end within the bytes. */
function printable(bytes: Buffer): string | undefined {
  const end = bytes.findIndex((byte) => byte < 0x20 || byte > 0x7e);
  return end === -1 ? undefined : bytes.toString('latin1', 0, end);
}

/** How much of a message finds its other copy. */
const FIRST_BYTES = 12;

/**
 * The beginnings of `message` that lie in `bytes` with a NUL behind them. panic() formats its message into a static
 * buffer (kernel/panic.c, panic(), v2.6 to v6.12), which shows where the message ends.
 */
export function panicBuffersIn(bytes: Buffer, message: string): string[] {
  const first = Buffer.from(message.slice(0, FIRST_BYTES), 'latin1');
  const found: string[] = [];
  for (let at = bytes.indexOf(first); at !== -1; at = bytes.indexOf(first, at + 1)) {
    const isRecord = bytes.subarray(Math.max(0, at - MARK.length), at).equals(MARK);
    const text = isRecord ? undefined : printable(bytes.subarray(at, at + MOST_RECORD_BYTES));
    if (text !== undefined && bytes[at + text.length] === 0 && message.startsWith(text)) found.push(text);
  }
  return found;
}
