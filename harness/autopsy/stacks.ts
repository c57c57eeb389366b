import { stackLine, stackOf } from '../choreo/look.js';
import type { Armed } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { GdbError, type GdbClient } from '../qemu/gdbstub/index.js';
import { functionsOf, type SymbolTable } from '../symbols/index.js';
import { contains } from '../timeline/armed.js';

/** Frames that are kept of a stack. */
const MOST_FRAMES = 48;
const CR3_ADDRESS = 0x000ffffffffff000n;

/**
 * Stops a guest that is stuck and reads every vCPU's stack that is the crashed kernel's (its page tables are not in
 * the crash kernel's memory: the symbols are those of the crashed kernel). A stub that does not answer leaves no facts.
 */
export async function stacksOf(
  session: { readonly gdb: GdbClient; readonly symbols: SymbolTable },
  armed: Armed | undefined,
): Promise<HostFact[]> {
  const facts: HostFact[] = [];
  try {
    await session.gdb.interrupt();
    for (const vcpu of session.gdb.vcpus) {
      const { cr3, cs } = await session.gdb.readRegisters(vcpu);
      const inCapture = armed?.range !== undefined && contains(armed.range, cr3 & CR3_ADDRESS);
      if (inCapture || (cs & 3n) !== 0n) continue;
      const trace = await stackOf(vcpu, session);
      facts.push({
        fact: 'stack',
        vcpu,
        functions: functionsOf(trace).slice(0, MOST_FRAMES),
        line: stackLine(trace),
      });
    }
  } catch (error) {
    if (!(error instanceof GdbError)) throw error;
  }
  return facts;
}
