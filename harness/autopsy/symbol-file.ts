import {
  findOrcTables,
  framePointerFrames,
  orcFrames,
  pagedMemory,
  readOrcRanges,
  symbolsElf,
  type SymbolTable,
} from '../symbols/index.js';
import type { FoundKernel } from './find-kernel.js';

/**
 * An ELF file with which gdb shows a kernel that was found in memory: its symbols at this boot's addresses, and the call
 * frame information that its unwind tables hold, or else its frame pointers. Undefined when it has no symbols of code.
 */
export async function symbolFileOf(kernel: FoundKernel): Promise<Buffer | undefined> {
  const frames = await framesOf(kernel);
  return symbolsElf(kernel.symbols.all(), { frames });
}

async function framesOf(kernel: FoundKernel): Promise<Buffer | undefined> {
  const { symbols } = kernel;
  const text = between(symbols, '_stext', '_etext');
  if (text === undefined) return undefined;
  const tables = await kernel.read(findOrcTables(symbols, pagedMemory()));
  const ranges = tables === undefined ? undefined : await kernel.read(readOrcRanges(tables, pagedMemory()));
  if (ranges !== undefined) return orcFrames(ranges, text.end);
  return framePointerFrames(text, between(symbols, '__entry_text_start', '__entry_text_end'));
}

function between(symbols: SymbolTable, first: string, last: string) {
  const start = symbols.named(first)[0]?.address;
  const end = symbols.named(last)[0]?.address;
  return start === undefined || end === undefined || end <= start ? undefined : { start, end };
}
