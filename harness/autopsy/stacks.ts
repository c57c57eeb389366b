import { readRegisters } from '../hmp/registers.js';
import type { Armed } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { GdbError } from '../qemu/gdbstub/index.js';
import { functionsOf, type SymbolTable } from '../symbols/index.js';
import { contains } from '../timeline/armed.js';
import { captureSymbols } from './capture-symbols.js';
import type { Debugger } from './debugger.js';
import { stackLine, stackOf } from './inspect-vcpu.js';

/** Frames of a stack that are recorded. */
const MOST_FRAMES = 48;
const CR3_ADDRESS = 0x000ffffffffff000n;

/** The machine that an autopsy examines; nothing else of a run is needed. */
export interface DeadMachine {
  readonly gdb: Debugger;
  /** Symbols of the crashed kernel. */
  readonly symbols: SymbolTable;
  /** The crash kernel's reservation, if it is known: it separates the two kernels' page tables. */
  readonly armed: Armed | undefined;
  /** The capture kernel is the same image as the crashed kernel, so that its symbols are known. */
  readonly sameImage: boolean;
  /** The text of HMP `info registers -a`. */
  registersText(): Promise<string>;
}

/**
 * Stops a hung machine and reads the stack of every vCPU in kernel mode; the page tables show which of the two kernels
 * it is in. A vCPU in a kernel without known symbols, and a debugger that does not answer, leave no facts.
 */
export async function stacksOf(machine: DeadMachine): Promise<HostFact[]> {
  const { gdb } = machine;
  const facts: HostFact[] = [];
  try {
    await gdb.interrupt();
    for (const vcpu of gdb.vcpus) {
      const symbols = await symbolsOf(vcpu, machine);
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

/**
 * The symbols of the kernel that a stopped vCPU runs, by its page tables; undefined in user mode, and for a kernel whose
 * symbols are not known.
 */
export async function symbolsOf(
  vcpu: number,
  machine: Omit<DeadMachine, 'gdb'> & { readonly gdb: Pick<Debugger, 'readRegisters' | 'readMemory'> },
): Promise<SymbolTable | undefined> {
  const { gdb, symbols, armed } = machine;
  const { cr3, cs } = await gdb.readRegisters(vcpu);
  if ((cs & 3n) !== 0n) return undefined;
  if (armed?.range === undefined || !contains(armed.range, cr3 & CR3_ADDRESS)) return symbols;
  if (!machine.sameImage) return undefined;
  const registers = readRegisters(await machine.registersText());
  const idt = registers.find(({ index }) => index === vcpu)?.idt;
  return idt === undefined ? undefined : captureSymbols(vcpu, { gdb, crashed: symbols, idtBase: idt.base });
}
