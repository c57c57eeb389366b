import type { GuestWitness } from '../proof/witness.js';
import type { Guest } from './guest.js';

/** What proofs may ask of a guest that runs on `cpus` vCPUs. */
export function guestWitness(guest: Guest, cpus: number): GuestWitness {
  const { shell, watch } = guest;
  return {
    cpus,
    vcpuOf(subject) {
      if ('cpu' in subject) return subject.cpu;
      throw new Error(
        `role "${subject.role}" exists in a choreography only: the scenario should have been refused`,
      );
    },
    registers: () => guest.registers(),
    irqchips: () => guest.irqchips(),
    lapic: (vcpu) => guest.lapic(vcpu),
    pinOf: async (name) => (await guest.findPins([name]))(name),
    // The guest runs: what its sources bring about is there when they have been proved to work.
    sourcesWithinMs: 0,
    clock: { nowMs: () => watch.nowMs(), sleep: (ms) => watch.sleep(ms) },
    script: (script, what) => shell.run(script, what),
    tryScript: (script) => shell.tryRun(script),
  };
}
