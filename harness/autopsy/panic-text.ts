import type { Memory } from '../machine/machine.js';
import type { AddressRange } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { panicBuffersIn, panicsIn } from '../symbols/index.js';

const WINDOW_BYTES = 32 * 1024 * 1024;
const PAGE_BYTES = 4096;

/**
 * The log of a capture kernel whose symbols are not known, as far as its panic: looked for by its text in the crash
 * kernel's memory. `known` are the messages of the first kernel, whose log a capture kernel may have read. Undefined when
 * there is none. The machine must be stopped. Throws a MachineFailure.
 */
export async function panicTextOf(
  memory: Memory,
  { ranges, known }: { readonly ranges: readonly AddressRange[]; readonly known: ReadonlySet<string> },
): Promise<Extract<HostFact, { fact: 'kernel-log' }> | undefined> {
  let record: string | undefined;
  for await (const bytes of windows(memory, ranges)) {
    record = panicsIn(bytes).find((text) => !known.has(text));
    if (record !== undefined) break;
  }
  if (record === undefined) return undefined;
  let message: string | undefined;
  for await (const bytes of windows(memory, ranges)) {
    for (const text of panicBuffersIn(bytes, record)) {
      if (text.length > (message?.length ?? 0)) message = text;
    }
  }
  if (message !== undefined && known.has(message)) return undefined;
  return { fact: 'kernel-log', side: 'capture', text: `Kernel panic - not syncing: ${message ?? record}` };
}

/** The memory, piece by piece; a text across the end of a piece is in the next page as well. */
async function* windows(memory: Memory, ranges: readonly AddressRange[]): AsyncGenerator<Buffer> {
  for (const { first, last } of ranges) {
    const end = Number(last) + 1;
    for (let at = Number(first); at < end; at += WINDOW_BYTES) {
      yield await memory.read(at, Math.min(WINDOW_BYTES + PAGE_BYTES, end - at));
    }
  }
}
