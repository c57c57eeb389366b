import type { Registers } from '../machine/debugger.js';
import type { AutopsyVcpu } from '../model/autopsy.js';
import {
  finishReadingAsync,
  type FrameValues,
  type FunctionFlows,
  functionFlows,
  type PagedMemory,
  pagedMemory,
  type Reading,
  type StackTrace,
  type SymbolTable,
  valuesOf,
  walkStack,
} from '../symbols/index.js';
import { type Debugger, orUnreadable } from './debugger.js';
import { lockEffectOf } from './lock-functions.js';

/** One vCPU in kernel mode of a kernel whose symbols are known, with what its stack and its registers show. */
export interface StackedVcpu {
  readonly vcpu: number;
  readonly state: AutopsyVcpu['state'];
  readonly registers: Registers;
  readonly trace: StackTrace;
  /** Of the reliable frames of the trace, in the same order. */
  readonly values: readonly FrameValues[];
  readonly symbols: SymbolTable;
  readonly flows: FunctionFlows;
  readonly memory: PagedMemory;
  /** Runs a reading of memory through the vCPU's page tables. */
  run<T>(reading: Reading<T>): Promise<T>;
}

/** Walks the stack of a stopped vCPU and follows the values on it. Throws what the debugger throws. */
export async function stackedVcpu(
  { vcpu, state }: Pick<StackedVcpu, 'vcpu' | 'state'>,
  {
    reader,
    symbols,
    flows = lockFlows(symbols),
  }: {
    readonly reader: Pick<Debugger, 'readRegisters' | 'readMemory'>;
    readonly symbols: SymbolTable;
    /** The kernel's functions, for all vCPUs that run it; absent: followed for this one. */
    readonly flows?: FunctionFlows | undefined;
  },
): Promise<StackedVcpu> {
  const registers = await reader.readRegisters(vcpu);
  const run = <T>(reading: Reading<T>) =>
    finishReadingAsync(reading, ({ address, length }) =>
      orUnreadable(reader.readMemory(address, length, { vcpu })),
    );
  const memory = pagedMemory();
  const trace = await run(walkStack(registers, symbols, memory));
  const values = await run(valuesOf(trace.frames, { flows, memory }));
  return { vcpu, state, registers, trace, values, symbols, flows, memory, run };
}

/** The functions of a kernel, followed for the locks that they take. */
export function lockFlows(symbols: SymbolTable): FunctionFlows {
  return functionFlows(symbols, { memory: pagedMemory(), effectOf: lockEffectOf });
}

/** The functions of a stack that are certain, innermost first. */
export function certainFunctions({ trace }: Pick<StackedVcpu, 'trace'>): readonly string[] {
  return trace.frames.flatMap(({ reliable, symbolized }) =>
    reliable && symbolized !== undefined ? [symbolized.symbol.name] : [],
  );
}
