import { FUNCTION_AT, kernelMessage } from './printk.js';

/** arch/x86/kernel/traps.c, exc_int3(): die("int3", regs, 0); "Oops: " since v6.9 (arch/x86/kernel/dumpstack.c). */
export const INT3 = kernelMessage(String.raw`(?:Oops: )?int3: 0000 \[#\d+\]`);
/** arch/x86/kernel/dumpstack.c, show_ip() and show_opcodes() (v6.1): the byte at RIP is in angle brackets. */
const RIP = kernelMessage(`RIP: 0010:${FUNCTION_AT}`);
const CODE = kernelMessage(
  String.raw`Code: (?:[\da-f]{2} ){0,62}([\da-f]{2}) <([\da-f]{2})>((?: [\da-f]{2}){0,63})`,
);
/** The code is the fourth line of a report; lines of another CPU may come in between. */
const MAX_LINES = 16;

/**
 * The instructions that the kernel patches at run time, each under an int3 in place of its first byte: jump labels
 * (two- and five-byte nop and jmp), static calls and ftrace (five-byte nop, call, jmp) (arch/x86/kernel/jump_label.c,
 * static_call.c, ftrace.c, arch/x86/include/asm/nops.h, v6.1). None begins with a byte that ends an int3: `cc`, or the
 * 03 of `cd 03`, with prefixes or without.
 */
const PATCHED = /^(?:66 90|eb [\da-f]{2}|0f 1f 44 00 00|e[89](?: [\da-f]{2}){4})/;

/** Detects an oops of an int3 that was executed where memory holds an instruction that the kernel patches. */
export interface Int3Reader {
  /** The function of the int3, when this line completes such a report. */
  line(text: string): string | undefined;
  /** A report has begun: each of its lines counts. */
  readonly isOpen: boolean;
}

/**
 * A reader of one kernel's lines. The kernel patches its code under an int3 and removes it when no CPU can execute it
 * any more (arch/x86/kernel/alternative.c, text_poke_bp_batch(), v6.1), so that a breakpoint trap at such a place
 * without an int3 cannot happen. An emulator may execute a stale translation of code that is no longer in memory. An
 * int3 of the kernel's own, in any encoding, ends right before RIP, and is not where a patched instruction begins.
 */
export function createInt3Reader(): Int3Reader {
  let linesLeft = 0;
  let where = '';
  return {
    get isOpen() {
      return linesLeft > 0;
    },
    line(text) {
      if (INT3.test(text)) {
        linesLeft = MAX_LINES;
        where = '';
        return undefined;
      }
      if (linesLeft === 0) return undefined;
      linesLeft -= 1;
      where = RIP.exec(text)?.[1] ?? where;
      const [, before, at, after] = CODE.exec(text) ?? [];
      if (before === undefined || at === undefined || after === undefined) return undefined;
      linesLeft = 0;
      return PATCHED.test(`${before} ${at}${after}`) ? where : undefined;
    },
  };
}
