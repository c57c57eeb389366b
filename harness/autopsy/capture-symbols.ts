import { movedSymbols, type SymbolTable } from '../symbols/index.js';
import type { Debugger } from './debugger.js';

/** Exception handlers that every x86-64 kernel since v5.8 has in its IDT, by vector (arch/x86/kernel/idt.c, v6.1). */
const HANDLERS: readonly (readonly [vector: number, handler: string])[] = [
  [0, 'asm_exc_divide_error'],
  [13, 'asm_exc_general_protection'],
];
/** Bytes of a gate in 64-bit mode (arch/x86/include/asm/desc_defs.h, struct gate_struct). */
const GATE_BYTES = 16n;

/**
 * The symbols of the capture kernel that a vCPU runs, given those of the kernel that crashed: the same image, which
 * KASLR moved by the offset that the handlers in its IDT show. Undefined while the vCPU has no IDT of its own, and when
 * the image is another one after all.
 */
export async function captureSymbols(
  vcpu: number,
  { gdb, crashed, idtBase }: { gdb: Pick<Debugger, 'readMemory'>; crashed: SymbolTable; idtBase: bigint },
): Promise<SymbolTable | undefined> {
  const offsets: bigint[] = [];
  for (const [vector, handler] of HANDLERS) {
    const [symbol] = crashed.named(handler);
    if (symbol === undefined) return undefined;
    const gate = await gdb.readMemory(idtBase + BigInt(vector) * GATE_BYTES, Number(GATE_BYTES), { vcpu });
    offsets.push(handlerOf(gate) - symbol.address);
  }
  const [offset] = offsets;
  if (offset === undefined || offsets.some((other) => other !== offset)) return undefined;
  return movedSymbols(crashed, offset);
}

/** The handler's address in a gate of the IDT. */
export function handlerOf(gate: Buffer): bigint {
  return (
    BigInt(gate.readUInt16LE(0)) |
    (BigInt(gate.readUInt16LE(6)) << 16n) |
    (BigInt(gate.readUInt32LE(8)) << 32n)
  );
}

/** Base of each vCPU's IDT, by index, in the text of HMP `info registers -a` (`IDT=     fffffe0000000000 00000fff`). */
export function idtBases(registers: string): ReadonlyMap<number, bigint> {
  const bases = new Map<number, bigint>();
  for (const part of registers.split(/^CPU#/m).slice(1)) {
    const index = /^(\d{1,4})/.exec(part)?.[1];
    const base = /^IDT=\s+([0-9a-f]{8,16}) /m.exec(part)?.[1];
    if (index !== undefined && base !== undefined) bases.set(Number(index), BigInt(`0x${base}`));
  }
  return bases;
}
