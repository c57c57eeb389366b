import { setTimeout as sleep } from 'node:timers/promises';
import { readKernelMemory } from '../autopsy/kernel-memory.js';
import { readRegisters } from '../hmp/registers.js';
import type { GuestWitness } from '../proof/witness.js';
import { symbolsOf } from './choreograph.js';
import { findPins, readGuestIrqchips, readGuestLapic } from './irqchips.js';
import type { LiveGuest } from './live-guest.js';

/** What proofs may ask of a guest that runs. */
export function guestWitness(guest: LiveGuest): GuestWitness {
  return {
    cpus: guest.plan.machine.cpus,
    vcpuOf(subject) {
      if ('cpu' in subject) return subject.cpu;
      throw new Error(
        `role "${subject.role}" exists in a choreography only: the scenario should have been refused`,
      );
    },
    registers: async () => readRegisters(await guest.monitor('info registers -a')),
    irqchips: () => readGuestIrqchips(guest),
    lapic: (vcpu) => readGuestLapic(guest, vcpu),
    pinOf: async (name) => (await findPins(guest, [name]))(name),
    async withKernel(look) {
      if (guest.plan.kernel.bits === 32) return { hidden: 'memory of a 32-bit kernel cannot be looked at' };
      const symbols = await symbolsOf(guest);
      const gdb = await guest.connectDebugger();
      try {
        return await look({ symbols, read: (address, length) => readKernelMemory(gdb, address, length) });
      } finally {
        // The guest runs on.
        await gdb.close();
      }
    },
    // The guest runs: what its sources bring about is there when they have been proved to work.
    sourcesWithinMs: 0,
    clock: { nowMs: () => performance.now(), sleep: (ms) => sleep(ms) },
    script: (script, what) => guest.runScript(script, what),
    async tryScript(script) {
      const reply = await guest.tryAsk(guest.requests.script(script));
      return reply === undefined ? undefined : { status: reply.status, output: reply.output };
    },
  };
}
