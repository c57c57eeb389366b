import {
  findOrcTables,
  framePointerFrames,
  orcFrames,
  pagedMemory,
  readOrcRanges,
  sortOf,
  symbolsElf,
  type SymbolTable,
} from '../symbols/index.js';
import type { FoundKernel } from './find-kernel.js';

/** Handlers that run on the interrupt stack from within (arch/x86/include/asm/irq_stack.h, v6.1). */
const SWITCHES_STACKS = /^(common_interrupt|spurious_interrupt|do_softirq_own_stack|sysvec_\w+)$/;

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
  const entry = between(symbols, '__entry_text_start', '__entry_text_end');
  return framePointerFrames(text, {
    entry: entry === undefined ? [] : [entry],
    switching: functionsNamed(symbols, SWITCHES_STACKS),
  });
}

function between(symbols: SymbolTable, first: string, last: string) {
  const start = symbols.named(first)[0]?.address;
  const end = symbols.named(last)[0]?.address;
  return start === undefined || end === undefined || end <= start ? undefined : { start, end };
}

/** The code of functions whose names fit; each ends where the next symbol begins. */
function functionsNamed(symbols: SymbolTable, form: RegExp) {
  return symbols
    .all()
    .filter((symbol) => form.test(symbol.name) && sortOf(symbol) === 'text')
    .flatMap(({ address }) => {
      const size = symbols.at(address)?.size;
      return size === undefined ? [] : [{ start: address, end: address + BigInt(size) }];
    });
}
