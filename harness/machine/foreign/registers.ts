import { REGISTER_NAMES } from '../../qemu/gdbstub/index.js';
import type { Registers } from '../debugger.js';

/** All registers of a debugger, zero for those that are not known. */
export function completed(registers: Readonly<Record<string, bigint | undefined>>): Registers {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name of the type is in the list
  return Object.fromEntries(REGISTER_NAMES.map((name) => [name, registers[name] ?? 0n])) as Registers;
}
