import type { Idt } from '../model/instruction-trace.js';
import { GdbRemoteError } from '../qemu/gdbstub/index.js';
import type { Debugger } from './debugger.js';

type Memory = Pick<Debugger, 'readMemory'>;

/** The NMI's vector, and the size of a gate in long mode (Intel SDM volume 3, 6.14.1). */
const NMI_VECTOR = 2;
const GATE_BYTES = 16;
const PRESENT = 0x80;

/** IDTR of one vCPU in HMP `info registers -a` (QEMU 7.2: `IDT=     fffffe0000000000 00000fff`). */
export function readIdtr(text: string, vcpu: number): { base: bigint; limit: number } | undefined {
  const part = partOf(text, vcpu);
  const [, base, limit] = /^IDT=\s*([0-9a-f]{8,16}) ([0-9a-f]{8})$/m.exec(part ?? '') ?? [];
  if (base === undefined || limit === undefined) return undefined;
  return { base: BigInt(`0x${base}`), limit: Number.parseInt(limit, 16) & 0xffff };
}

/** Whether one vCPU runs 64-bit code, by the descriptor of its CS (`CS =0010 ... DPL=0 CS64 [-RA]`). */
export function runs64Bit(text: string, vcpu: number): boolean {
  return /^CS =.*\bCS64\b/m.test(partOf(text, vcpu) ?? '');
}

function partOf(text: string, vcpu: number): string | undefined {
  return text
    .replaceAll('\r', '')
    .split(/^CPU#/m)
    .find((part) => part.startsWith(`${vcpu}\n`));
}

/** The IDT of a stopped vCPU with its gate for the NMI, from a monitor's `info registers -a`. */
export async function readIdt(registers: string, vcpu: number, gdb: Memory): Promise<Idt | undefined> {
  const idtr = readIdtr(registers, vcpu);
  if (idtr === undefined) return undefined;
  return {
    base: `0x${idtr.base.toString(16)}`,
    limit: `0x${idtr.limit.toString(16)}`,
    nmiGate: await nmiGateOf(idtr, { vcpu, gdb }),
  };
}

async function nmiGateOf(
  { base, limit }: { base: bigint; limit: number },
  { vcpu, gdb }: { vcpu: number; gdb: Memory },
): Promise<string> {
  const offset = NMI_VECTOR * GATE_BYTES;
  if (limit < offset + GATE_BYTES - 1) return 'absent';
  let gate: Buffer;
  try {
    gate = await gdb.readMemory(base + BigInt(offset), GATE_BYTES, { vcpu });
  } catch (error) {
    if (error instanceof GdbRemoteError) return 'unreadable';
    throw error;
  }
  if ((gate.readUInt8(5) & PRESENT) === 0) return 'absent';
  const handler =
    BigInt(gate.readUInt16LE(0)) |
    (BigInt(gate.readUInt16LE(6)) << 16n) |
    (BigInt(gate.readUInt32LE(8)) << 32n);
  return `0x${handler.toString(16)}`;
}
