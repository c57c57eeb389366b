import { decodeGate, GATE_BYTES, gateOffset } from '../hmp/idt-gate.js';
import { movedSymbols, type SymbolTable } from '../symbols/index.js';
import type { Debugger } from './debugger.js';

/** Exception handlers that every x86-64 kernel since v5.8 has in its IDT, by vector (arch/x86/kernel/idt.c, v6.1). */
const HANDLERS: readonly (readonly [vector: number, handler: string])[] = [
  [0, 'asm_exc_divide_error'],
  [13, 'asm_exc_general_protection'],
];

/**
 * The symbols of the capture kernel that a vCPU runs, from those of the crashed kernel: the same image, which KASLR
 * moved by the offset that the handlers in its IDT show. Undefined while the vCPU has no IDT of its own, and when the
 * image is another one.
 */
export async function captureSymbols(
  vcpu: number,
  { gdb, crashed, idtBase }: { gdb: Pick<Debugger, 'readMemory'>; crashed: SymbolTable; idtBase: bigint },
): Promise<SymbolTable | undefined> {
  const offsets: bigint[] = [];
  for (const [vector, handler] of HANDLERS) {
    const [symbol] = crashed.named(handler);
    if (symbol === undefined) return undefined;
    const gate = await gdb.readMemory(idtBase + BigInt(gateOffset(vector)), GATE_BYTES, { vcpu });
    offsets.push(decodeGate(gate).handler - symbol.address);
  }
  const [offset] = offsets;
  if (offset === undefined || offsets.some((other) => other !== offset)) return undefined;
  return movedSymbols(crashed, offset);
}
