import { readRegisters } from '../hmp/registers.js';
import type { Armed, VcpuState } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import type { SymbolTable } from '../symbols/index.js';
import { readVcpus } from '../timeline/vcpus.js';

/** The machine whose vCPUs are located; nothing else of a run is needed. */
export interface StoppedVcpus {
  /** The text of HMP `info registers -a`. */
  readonly registersText: string;
  /** The crash kernel's reservation, if it is known: it separates the two kernels' page tables. */
  readonly armed: Armed | undefined;
  /** vCPUs whose registers are lost, as they were last seen: KVM has re-initialised them. */
  readonly lost?: readonly VcpuState[];
  /** The symbols of both kernels at their addresses, where they are known. */
  readonly symbols: { readonly production?: SymbolTable; readonly capture?: SymbolTable };
}

/** Where each vCPU is: a `last-place` fact for each. */
export function placesOf({ registersText, armed, symbols, lost = [] }: StoppedVcpus): HostFact[] {
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
  }
  return facts;
}
