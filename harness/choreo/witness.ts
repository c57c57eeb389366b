import { setTimeout as sleep } from 'node:timers/promises';
import { inspectVcpu, stackLine, stackOf } from '../autopsy/inspect-vcpu.js';
import { type KernelReader, readKernelMemory } from '../autopsy/kernel-memory.js';
import type { StoppedWitness } from '../proof/witness.js';
import type { ChoreographyContext } from './context.js';

const INTERRUPT_FLAG = 0x200n;

/** The source of its answers. */
export interface WitnessContext
  extends Pick<
    ChoreographyContext,
    'symbols' | 'vcpuRegisters' | 'irqchips' | 'lapic' | 'pinOf' | 'sourcesWithinMs' | 'nowMs'
  > {
  readonly gdb: KernelReader;
}

/** The witness for a guest whose vCPUs are stopped; `vcpuOf` returns the vCPU of a role. */
export function stoppedWitness(context: WitnessContext, vcpuOf: (role: string) => number): StoppedWitness {
  const { gdb, symbols } = context;
  return {
    cpus: gdb.vcpus.length,
    vcpuOf: (subject) => ('role' in subject ? vcpuOf(subject.role) : subject.cpu),
    registers: () => context.vcpuRegisters(),
    irqchips: () => context.irqchips(),
    lapic: (vcpu) => context.lapic(vcpu),
    pinOf: async (name) => context.pinOf(name),
    // All vCPUs are stopped, but sources outside the guest run: their next interrupt may establish the state.
    sourcesWithinMs: context.sourcesWithinMs,
    clock: { nowMs: () => context.nowMs(), sleep: (ms) => sleep(ms) },
    withKernel: (look) =>
      look({ symbols, read: (address, length) => readKernelMemory(gdb, address, length) }),
    async stopped(vcpu) {
      const { rip, rflags } = await gdb.readRegisters(vcpu);
      return {
        function: symbols.at(rip)?.symbol.name,
        interruptsOn: (rflags & INTERRUPT_FLAG) !== 0n,
        line: await inspectVcpu(vcpu, context),
      };
    },
    async stack(vcpu) {
      const trace = await stackOf(vcpu, context);
      const functions = trace.frames.flatMap(({ symbolized, reliable }) =>
        reliable && symbolized !== undefined ? [symbolized.symbol.name] : [],
      );
      return { functions, line: stackLine(trace) };
    },
  };
}
