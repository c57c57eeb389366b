import type { GdbClient } from '../qemu/gdbstub/index.js';
import {
  finishReadingAsync,
  functionsOf,
  type StackTrace,
  walkStack,
  type SymbolTable,
} from '../symbols/index.js';

const INTERRUPT_FLAG = 0x200n;

/** What a stopped vCPU is doing, for people: `cpu1 mask_ioapic_irq+0x16/0xb0 IF=0`. */
export async function lookAt(
  vcpu: number,
  { gdb, symbols }: { gdb: Pick<GdbClient, 'readRegisters'>; symbols: SymbolTable },
): Promise<string> {
  const { rip, rflags, cs } = await gdb.readRegisters(vcpu);
  const where = (cs & 3n) === 3n ? 'user space' : symbols.label(rip);
  return `cpu${vcpu} ${where} IF=${(rflags & INTERRUPT_FLAG) === 0n ? 0 : 1}`;
}

/** What every vCPU is doing. The guest must be stopped. */
export async function lookAtAll(stage: { gdb: GdbClient; symbols: SymbolTable }): Promise<string> {
  const looks: string[] = [];
  for (const vcpu of stage.gdb.vcpus) looks.push(await lookAt(vcpu, stage));
  return looks.join('; ');
}

/** Walks a stopped vCPU's stack through its own page tables. */
export async function stackOf(
  vcpu: number,
  { gdb, symbols }: { gdb: Pick<GdbClient, 'readRegisters' | 'readMemory'>; symbols: SymbolTable },
): Promise<StackTrace> {
  const registers = await gdb.readRegisters(vcpu);
  return finishReadingAsync(walkStack(registers, symbols), async ({ address, length }) => {
    try {
      return await gdb.readMemory(address, length, { vcpu });
    } catch {
      // A page that is not there ends the walk where it is, and the walk says so.
      return undefined;
    }
  });
}

/** The functions of a stack, innermost first, in one line. */
export function stackLine(trace: StackTrace, most = 24): string {
  const functions = functionsOf(trace);
  return functions.slice(0, most).join(' < ') + (functions.length > most ? ' < ...' : '');
}
