import { REGISTER_NAMES, type Registers } from '../qemu/gdbstub/index.js';
import type { Disassembled } from '../symbols/index.js';

/** The linear address of an instruction's operand in memory, 64-bit code; undefined without one. Pure. */
export function operandAddress(
  { memory }: Pick<Disassembled, 'memory'>,
  registers: Registers,
): bigint | undefined {
  if (memory === undefined) return undefined;
  const valueOf = (register: string | undefined): bigint => {
    const name = REGISTER_NAMES.find((known) => known === register);
    return name === undefined ? 0n : registers[name];
  };
  const { segment, base, index, scale, displacement } = memory;
  const segmentBase = segment === undefined ? 0n : registers[`${segment}_base`];
  return BigInt.asUintN(64, segmentBase + valueOf(base) + valueOf(index) * BigInt(scale) + displacement);
}
