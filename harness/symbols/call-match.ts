import type { PagedMemory, Reading } from './guest-memory.js';
import type { SymbolTable } from './kallsyms.js';
import type { Cursor } from './orc-step.js';
import type { ReturnAddressCheck } from './return-address.js';

/** THREAD_SIZE without KASAN (arch/x86/include/asm/page_64_types.h): stacks of tasks and of interrupts. */
export const STACK_BYTES = 16n * 1024n;

/**
 * The caller of a function for which ORC has no data, although its bytes are ordinary: above all `__crash_kexec`, which
 * every crash passes and which objtool skips (STACK_FRAME_NON_STANDARD, kernel/kexec_core.c). It is the only word on
 * the rest of the stack that follows a direct call to that function; undefined when there is none, or more than one.
 */
export function* findMatchingCaller(
  table: SymbolTable,
  memory: PagedMemory,
  check: ReturnAddressCheck,
  cursor: Cursor,
): Reading<Cursor | undefined> {
  const start = table.at(cursor.interrupted ? cursor.ip : cursor.ip - 1n)?.symbol.address;
  if (start === undefined) return undefined;
  let found: Cursor | undefined;
  for (let at = (cursor.sp + 7n) & ~7n; at <= (cursor.sp | (STACK_BYTES - 1n)); at += 8n) {
    const word = yield* memory.word(at);
    if (word === undefined) break;
    const call = yield* check.callBefore(word);
    if (call?.target !== start) continue;
    if (found !== undefined) return undefined;
    found = { ip: word, sp: at + 8n, bp: cursor.bp, interrupted: false };
  }
  return found;
}
