import { FUNCTION_AT, kernelMessage } from './printk.js';

/** arch/x86/kernel/traps.c, exc_int3(): die("int3", regs, 0); "Oops: " since v6.9 (arch/x86/kernel/dumpstack.c). */
const INT3 = kernelMessage(String.raw`(?:Oops: )?int3: 0000 \[#\d+\]`);
/** arch/x86/kernel/dumpstack.c, show_ip() and show_opcodes() (v6.1): the byte at RIP is in angle brackets. */
const RIP = kernelMessage(`RIP: 0010:${FUNCTION_AT}`);
const CODE = kernelMessage(String.raw`Code: (?:[\da-f]{2} ){0,62}([\da-f]{2}) <[\da-f]{2}>`);
/** The code is the fourth line of a report; lines of another CPU may come in between. */
const MAX_LINES = 16;
const INT3_OPCODE = 'cc';

/** Detects an oops of an int3 that was executed where memory no longer holds one. */
export interface Int3Reader {
  /** The function of the int3, when this line completes such a report. */
  line(text: string): string | undefined;
}

/**
 * A reader of one kernel's lines. The kernel patches its code under an int3 and removes it when no CPU can execute it
 * any more (arch/x86/kernel/alternative.c, text_poke_bp_batch(), v6.1), so that a breakpoint trap at an address without
 * an int3 cannot happen. An emulator may execute a stale translation of code that is no longer in memory.
 */
export function createInt3Reader(): Int3Reader {
  let linesLeft = 0;
  let where = '';
  return {
    line(text) {
      if (INT3.test(text)) {
        linesLeft = MAX_LINES;
        where = '';
        return undefined;
      }
      if (linesLeft === 0) return undefined;
      linesLeft -= 1;
      where = RIP.exec(text)?.[1] ?? where;
      const before = CODE.exec(text)?.[1];
      if (before === undefined) return undefined;
      linesLeft = 0;
      return before === INT3_OPCODE ? undefined : where;
    },
  };
}
