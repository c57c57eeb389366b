import { setTimeout as sleep } from 'node:timers/promises';
import { readRegisters } from '../hmp/registers.js';
import type { StoppedWitness } from '../proof/witness.js';
import { lookAt, stackLine, stackOf } from './look.js';
import type { Stage } from './stage.js';

const INTERRUPT_FLAG = 0x200n;

/** What proofs may ask of a guest whose vCPUs are stopped; `vcpuOf` tells which vCPU has a role. */
export function stoppedWitness(stage: Stage, vcpuOf: (role: string) => number): StoppedWitness {
  const { gdb, symbols } = stage;
  return {
    cpus: gdb.vcpus.length,
    vcpuOf: (subject) => ('role' in subject ? vcpuOf(subject.role) : subject.cpu),
    registers: async () => readRegisters(await stage.monitor('info registers -a')),
    irqchips: () => stage.irqchips(),
    lapic: (vcpu) => stage.lapic(vcpu),
    pinOf: async (name) => stage.pinOf(name),
    // All vCPUs stand, but sources outside the guest go on: what they do next may be what is asked for.
    sourcesWithinMs: stage.sourcesWithinMs,
    clock: { nowMs: () => performance.now(), sleep: (ms) => sleep(ms) },
    kernel: { symbols, read: (address, length) => gdb.readMemory(address, length) },
    async stopped(vcpu) {
      const { rip, rflags } = await gdb.readRegisters(vcpu);
      return {
        function: symbols.at(rip)?.symbol.name,
        interruptsOn: (rflags & INTERRUPT_FLAG) !== 0n,
        line: await lookAt(vcpu, stage),
      };
    },
    async stack(vcpu) {
      const trace = await stackOf(vcpu, stage);
      const functions = trace.frames.flatMap(({ place, reliable }) =>
        reliable && place !== undefined ? [place.symbol.name] : [],
      );
      return { functions, line: stackLine(trace) };
    },
  };
}
