import type { Debugger } from '../machine/debugger.js';
import { effectsOf } from '../standstill/instruction-effects.js';
import { orUnreadable } from './debugger.js';

const LONGEST_INSTRUCTION = 15;
/** A loop around a halt has a jump, and what processors with errata want (arch/x86/include/asm/irqflags.h, v6.1). */
const MOST_INSTRUCTIONS = 8;

/**
 * Whether the code of a halted vCPU leads back to a halt, by no condition and with interrupts still off: an NMI, whose
 * handler returns there, changes nothing then. RIP of a halted vCPU is behind its `hlt`.
 */
export async function haltsAgain(
  vcpu: number,
  gdb: Pick<Debugger, 'readRegisters' | 'readMemory'>,
): Promise<boolean> {
  let registers = await gdb.readRegisters(vcpu);
  for (let count = 0; count < MOST_INSTRUCTIONS; count += 1) {
    const bytes = await orUnreadable(gdb.readMemory(registers.rip, LONGEST_INSTRUCTION, { vcpu }));
    const effects = bytes === undefined ? undefined : effectsOf(bytes, registers);
    if (effects === undefined) return false;
    if (effects.text === 'hlt') return true;
    const [next, ...others] = effects.next ?? [];
    const isPlain = effects.outside === undefined && effects.writes.length === 0;
    if (!isPlain || next === undefined || others.length > 0) return false;
    registers = { ...registers, rip: next };
  }
  return false;
}
