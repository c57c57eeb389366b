import { decodeGate, GATE_BYTES, gateOffset } from '../hmp/idt-gate.js';
import type { Idtr, VcpuRegisters } from '../hmp/registers.js';
import type { Idt } from '../model/instruction-trace.js';
import { type Debugger, orUnreadable } from './debugger.js';

type Memory = Pick<Debugger, 'readMemory'>;

const NMI_VECTOR = 2;

/** The IDT of a stopped vCPU with its gate for the NMI, from the registers of all vCPUs. */
export async function readIdt(
  registers: readonly VcpuRegisters[],
  vcpu: number,
  gdb: Memory,
): Promise<Idt | undefined> {
  const idtr = registers.find(({ index }) => index === vcpu)?.idt;
  if (idtr === undefined) return undefined;
  return {
    base: `0x${idtr.base.toString(16)}`,
    limit: `0x${idtr.limit.toString(16)}`,
    nmiGate: await nmiGateOf(idtr, { vcpu, gdb }),
  };
}

async function nmiGateOf(
  { base, limit }: Idtr,
  { vcpu, gdb }: { vcpu: number; gdb: Memory },
): Promise<string> {
  const offset = gateOffset(NMI_VECTOR);
  if (limit < offset + GATE_BYTES - 1) return 'absent';
  const bytes = await orUnreadable(gdb.readMemory(base + BigInt(offset), GATE_BYTES, { vcpu }));
  if (bytes === undefined) return 'unreadable';
  const { handler, present } = decodeGate(bytes);
  return present ? `0x${handler.toString(16)}` : 'absent';
}
