import { stackLine, stackOf } from '../choreo/look.js';
import { readRegisters } from '../hmp/registers.js';
import type { Armed } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { GdbError, type GdbClient } from '../qemu/gdbstub/index.js';
import { functionsOf, type SymbolTable } from '../symbols/index.js';
import { contains } from '../timeline/armed.js';
import { captureSymbols } from './capture-symbols.js';

/** Frames that are kept of a stack. */
const MOST_FRAMES = 48;
const CR3_ADDRESS = 0x000ffffffffff000n;

/** What an autopsy works on. */
export interface StuckGuest {
  readonly gdb: GdbClient;
  /** Of the kernel that crashed. */
  readonly symbols: SymbolTable;
  readonly armed: Armed | undefined;
  /** The capture kernel is the same image as the kernel that crashed, so that its names are known. */
  readonly sameImage: boolean;
  /** An HMP command's text. */
  monitor(command: string): Promise<string>;
}

/**
 * Stops a guest that is stuck and reads the stack of every vCPU in kernel mode: by page tables it is told which of
 * the two kernels it is in. A vCPU in a kernel without known names, and a stub that does not answer, leave no facts.
 */
export async function stacksOf(guest: StuckGuest): Promise<HostFact[]> {
  const { gdb } = guest;
  const facts: HostFact[] = [];
  try {
    await gdb.interrupt();
    for (const vcpu of gdb.vcpus) {
      const symbols = await symbolsOf(vcpu, guest);
      if (symbols === undefined) continue;
      const trace = await stackOf(vcpu, { gdb, symbols });
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

async function symbolsOf(vcpu: number, guest: StuckGuest): Promise<SymbolTable | undefined> {
  const { gdb, symbols, armed } = guest;
  const { cr3, cs } = await gdb.readRegisters(vcpu);
  if ((cs & 3n) !== 0n) return undefined;
  if (armed?.range === undefined || !contains(armed.range, cr3 & CR3_ADDRESS)) return symbols;
  if (!guest.sameImage) return undefined;
  const registers = readRegisters(await guest.monitor('info registers -a'));
  const idt = registers.find(({ index }) => index === vcpu)?.idt;
  return idt === undefined ? undefined : captureSymbols(vcpu, { gdb, crashed: symbols, idtBase: idt.base });
}
