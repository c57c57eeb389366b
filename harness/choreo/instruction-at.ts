import { inspectVcpu } from '../autopsy/inspect-vcpu.js';
import { GdbRemoteError } from '../qemu/gdbstub/index.js';
import { disassemble, type Disassembled } from '../symbols/index.js';
import type { TraceContext } from './context.js';
import { NotReached } from './not-reached.js';

const MAX_INSTRUCTION_BYTES = 15;
const PAGE_BYTES = 4096n;

/** The instruction at an address as a stopped vCPU in that mode would execute it, with the bytes that were read. */
export async function instructionAt(
  vcpu: number,
  context: TraceContext,
  { address, bits }: { address: bigint; bits: 64 | 32 },
): Promise<{ instruction: Disassembled; code: Buffer }> {
  const { gdb, symbols } = context;
  const toPageEnd = Number(PAGE_BYTES - (address % PAGE_BYTES));
  // The page after the last one of a mapping may be missing.
  for (const length of new Set([Math.min(MAX_INSTRUCTION_BYTES, toPageEnd), MAX_INSTRUCTION_BYTES])) {
    let code: Buffer;
    try {
      code = await gdb.readMemory(address, length, { vcpu });
    } catch (error) {
      if (error instanceof GdbRemoteError) break;
      throw error;
    }
    const instruction = disassemble(code, {
      address,
      bits,
      nameOf: (target) => symbols.label(target).replace(/\+0x0\/.*/, ''),
    });
    if (instruction !== undefined) return { instruction, code };
  }
  throw new NotReached(`read the instruction at 0x${address.toString(16)}`, await inspectVcpu(vcpu, context));
}
