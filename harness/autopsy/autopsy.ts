import { readRegisters } from '../hmp/registers.js';
import {
  type Autopsy,
  type AutopsyFrame,
  type AutopsyVcpu,
  MOST_FRAMES,
  MOST_VCPUS,
} from '../model/autopsy.js';
import type { Armed, VcpuState } from '../model/event.js';
import type { StackFrame, SymbolTable } from '../symbols/index.js';
import { readVcpus } from '../timeline/vcpus.js';
import type { Debugger } from './debugger.js';
import { stackOf } from './inspect-vcpu.js';

/** A kernel of the stopped machine, with its symbols at this boot's addresses. */
export interface AutopsiedKernel {
  readonly symbols: SymbolTable;
  readonly release?: string | undefined;
  /** Where the symbols are from, for people. */
  readonly from: string;
}

/** A machine that stands still while it is read: a stopped QEMU, or a dump. Nothing of a run is needed. */
export interface StillMachine {
  readonly reader: Pick<Debugger, 'vcpus' | 'readRegisters' | 'readMemory' | 'readPhysicalMemory'>;
  /** The text of HMP `info registers -a`. */
  readonly registersText: string;
  /** The crash kernel's reservation, if it is known: it separates the two kernels' page tables. */
  readonly armed?: Armed | undefined;
  readonly kernels: { readonly production?: AutopsiedKernel; readonly capture?: AutopsiedKernel };
}

/** Reads what a machine shows that stands still. Throws what its reader throws, but for memory that cannot be read. */
export async function autopsyOf(machine: StillMachine): Promise<Autopsy> {
  const { registersText, armed, kernels } = machine;
  const seen = readVcpus(registersText, armed).slice(0, MOST_VCPUS);
  const vcpus: AutopsyVcpu[] = [];
  for (const vcpu of seen) vcpus.push(await autopsyOfVcpu(vcpu, machine));
  return {
    version: 1,
    kernels: (['production', 'capture'] as const).flatMap((side) => {
      const kernel = kernels[side];
      return kernel === undefined ? [] : [{ side, release: kernel.release, symbols: kernel.from }];
    }),
    vcpus,
    waits: [],
    interrupts: [],
    findings: [],
    unknown: [],
  };
}

async function autopsyOfVcpu(seen: VcpuState, machine: StillMachine): Promise<AutopsyVcpu> {
  const { reader, registersText, kernels } = machine;
  const { index: vcpu, place, halted, interruptsOn } = seen;
  const cpl = readRegisters(registersText).find(({ index }) => index === vcpu)?.execution?.cpl;
  const side = place === 'capture-kernel' ? kernels.capture : kernels.production;
  const inKernel = (place === 'capture-kernel' || place === 'first-kernel') && cpl !== 3;
  const registers = await reader.readRegisters(vcpu);
  const trace =
    side === undefined || !inKernel ? undefined : await stackOf(vcpu, { gdb: reader, symbols: side.symbols });
  return {
    vcpu,
    state: !halted ? 'running' : interruptsOn ? 'asleep' : 'parked',
    interruptsOn,
    place,
    registers: Object.fromEntries(
      Object.entries(registers).map(([name, value]) => [name, value.toString(16)]),
    ),
    frames: (trace?.frames ?? []).slice(0, MOST_FRAMES).map(frameOf),
    complete: trace?.complete ?? false,
    ended: trace?.ended ?? 'no symbols of the kernel that it runs',
  };
}

function frameOf({ address, label, symbolized, source, reliable, interrupted }: StackFrame): AutopsyFrame {
  return {
    address: address.toString(16),
    label,
    ...(symbolized === undefined ? {} : { function: symbolized.symbol.name }),
    source,
    reliable,
    interrupted,
  };
}
