import { readRegisters } from '../hmp/registers.js';
import type { Armed, VcpuState } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { GdbRemoteError } from '../qemu/gdbstub/index.js';
import { functionsOf, type SymbolTable } from '../symbols/index.js';
import { readVcpus } from '../timeline/vcpus.js';
import type { Debugger } from './debugger.js';
import { stackLine, stackOf } from './inspect-vcpu.js';

/** Frames of a stack that are recorded. */
const MOST_FRAMES = 48;

/** The machine whose vCPUs are located; nothing else of a run is needed. All vCPUs must be stopped. */
export interface StoppedVcpus {
  readonly gdb: Debugger;
  /** The text of HMP `info registers -a`. */
  readonly registersText: string;
  /** The crash kernel's reservation, if it is known: it separates the two kernels' page tables. */
  readonly armed: Armed | undefined;
  /** vCPUs whose registers are lost, as they were last seen: KVM has re-initialised them. */
  readonly lost?: readonly VcpuState[];
  /** The symbols of both kernels at their addresses, where they are known. */
  readonly symbols: { readonly production?: SymbolTable; readonly capture?: SymbolTable };
}

/**
 * Where each vCPU is: a `last-place` fact for each, and a `stack` fact for each that is in kernel mode of a kernel whose
 * symbols are known.
 */
export async function placesOf({
  gdb,
  registersText,
  armed,
  symbols,
  lost = [],
}: StoppedVcpus): Promise<HostFact[]> {
  const facts: HostFact[] = [];
  const cpls = new Map(readRegisters(registersText).map(({ index, execution }) => [index, execution?.cpl]));
  for (const now of readVcpus(registersText, armed)) {
    const before = lost.find(({ index }) => index === now.index);
    const { index, rip, place, halted, interruptsOn } = before ?? now;
    const side = place === 'capture-kernel' ? symbols.capture : symbols.production;
    const inKernel = (place === 'capture-kernel' || place === 'first-kernel') && cpls.get(index) !== 3;
    const known = inKernel ? side : undefined;
    const where = known?.label(BigInt(`0x${rip}`));
    facts.push({
      fact: 'last-place',
      vcpu: index,
      place,
      rip,
      halted,
      interruptsOn,
      ...(where === undefined ? {} : { where }),
      ...(before === undefined ? {} : { seen: 'last-sample' as const }),
    });
    if (known !== undefined && before === undefined)
      facts.push(...(await stackFact(index, { gdb, symbols: known })));
  }
  return facts;
}

async function stackFact(
  vcpu: number,
  at: { readonly gdb: Debugger; readonly symbols: SymbolTable },
): Promise<HostFact[]> {
  try {
    const trace = await stackOf(vcpu, at);
    const functions = functionsOf(trace).slice(0, MOST_FRAMES);
    return functions.length === 0 ? [] : [{ fact: 'stack', vcpu, functions, line: stackLine(trace) }];
  } catch (error) {
    // A vCPU that the debugger does not have.
    if (error instanceof GdbRemoteError) return [];
    throw error;
  }
}
