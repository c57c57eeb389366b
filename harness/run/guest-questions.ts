import { readKernelMemory } from '../autopsy/kernel-memory.js';
import { need } from '../machine/machine.js';
import type { OpenQuestion } from '../proof/proof.js';
import { type MachineClaim, proveBeforeFiring, proveMachine, type ScenarioProof } from '../proof/proofs.js';
import type { GuestWitness } from '../proof/witness.js';
import type { Guest } from './guest.js';
import type { KernelSymbols } from './kernel-symbols.js';

/** The proofs about a guest before firing. */
export interface Wanted {
  readonly cpus: number;
  /** The first kernel. */
  readonly kernel: { readonly bits: 32 | 64; readonly symbols: KernelSymbols };
  /** The claims of the machine's profile. */
  readonly claims: readonly MachineClaim[];
  readonly crashKernelLoaded: boolean;
  readonly proofs: readonly ScenarioProof[];
}

/** The proofs about a guest, each at its time. One that is not established ends the run (void). */
export interface GuestQuestions {
  /** Before anything is done to the guest: the claims of its machine's profile. */
  askMachine(): Promise<void>;
  /** After the preparation: that the crash kernel is loaded, or that none is. */
  askCrashKernel(): Promise<void>;
  /** Right before firing: the scenario's proofs. Returns those that need a second reading. */
  askScenario(): Promise<readonly OpenQuestion[]>;
}

/** Binds proofs to a guest. */
export function guestQuestions(guest: Guest, wanted: Wanted): GuestQuestions {
  const witness = witnessOf(guest, wanted);
  const take = (judged: Parameters<Guest['watch']['require']>[0]) => guest.watch.require(judged);
  const equals = wanted.crashKernelLoaded ? '1' : '0';
  const loaded = { read: { path: '/sys/kernel/kexec_crash_loaded', equals } };
  return {
    askMachine: () => proveMachine(wanted.claims, witness, take),
    askCrashKernel: () => proveMachine([loaded], witness, take),
    askScenario: () => proveBeforeFiring(wanted.proofs, witness, take),
  };
}

/** The witness for a running guest. */
function witnessOf(guest: Guest, { cpus, kernel }: Wanted): GuestWitness {
  const { machine, shell, watch } = guest;
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
    async withKernel(look) {
      if (kernel.bits === 32) return { hidden: 'memory of a 32-bit kernel cannot be looked at' };
      const port = need(machine, 'debugger');
      const symbols = await kernel.symbols();
      const gdb = await port.connect();
      try {
        return await look({ symbols, read: (address, length) => readKernelMemory(gdb, address, length) });
      } finally {
        // The guest continues.
        await gdb.close();
      }
    },
    // The guest runs: the interrupts of its sources have arrived once their rates are proved.
    sourcesWithinMs: 0,
    clock: { nowMs: () => watch.ownMs(), sleep: (ms) => watch.sleep(ms) },
    script: (script, what) => shell.run(script, what),
    tryScript: (script) => shell.tryRun(script),
  };
}
