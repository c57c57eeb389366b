import {
  finishReadingAsync,
  functionsOf,
  type StackTrace,
  type SymbolTable,
  walkStack,
} from '../symbols/index.js';
import type { Debugger } from './debugger.js';

const INTERRUPT_FLAG = 0x200n;

/** What a stopped vCPU is doing, for people: `cpu1 mask_ioapic_irq+0x16/0xb0 IF=0`. */
export async function inspectVcpu(
  vcpu: number,
  { gdb, symbols }: { gdb: Pick<Debugger, 'readRegisters'>; symbols: SymbolTable },
): Promise<string> {
  const { rip, rflags, cs } = await gdb.readRegisters(vcpu);
  const where = (cs & 3n) === 3n ? 'user space' : symbols.label(rip);
  return `cpu${vcpu} ${where} IF=${(rflags & INTERRUPT_FLAG) === 0n ? 0 : 1}`;
}

/** What every vCPU is doing, in one line. The guest must be stopped. */
export async function inspectVcpus(machine: {
  gdb: Pick<Debugger, 'vcpus' | 'readRegisters'>;
  symbols: SymbolTable;
}): Promise<string> {
  const lines: string[] = [];
  for (const vcpu of machine.gdb.vcpus) lines.push(await inspectVcpu(vcpu, machine));
  return lines.join('; ');
}

/** The stack of a stopped vCPU, read through its own page tables. */
export async function stackOf(
  vcpu: number,
  { gdb, symbols }: { gdb: Pick<Debugger, 'readRegisters' | 'readMemory'>; symbols: SymbolTable },
): Promise<StackTrace> {
  const registers = await gdb.readRegisters(vcpu);
  return finishReadingAsync(walkStack(registers, symbols), async ({ address, length }) => {
    try {
      return await gdb.readMemory(address, length, { vcpu });
    } catch {
      // A page that cannot be read ends the stack walk, and the trace records why.
      return undefined;
    }
  });
}

/** The functions of a stack, innermost first, in one line. */
export function stackLine(trace: StackTrace, most = 24): string {
  const functions = functionsOf(trace);
  return functions.slice(0, most).join(' < ') + (functions.length > most ? ' < ...' : '');
}
