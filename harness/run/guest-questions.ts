import { readKernelMemory } from '../autopsy/kernel-memory.js';
import { need } from '../machine/machine.js';
import type { OpenQuestion } from '../proof/proof.js';
import { type MachineClaim, proveBeforeFiring, proveMachine, type ScenarioProof } from '../proof/proofs.js';
import type { GuestWitness } from '../proof/witness.js';
import type { Guest } from './guest.js';
import { readSymbols, type SymbolCache } from './kernel-symbols.js';

/** What is to be proved of a guest before firing. */
export interface Wanted {
  readonly cpus: number;
  /** The first kernel. */
  readonly kernel: { readonly bits: 32 | 64; readonly symbolCache: SymbolCache | undefined };
  /** What the machine's profile claims. */
  readonly claims: readonly MachineClaim[];
  readonly crashKernelLoaded: boolean;
  readonly proofs: readonly ScenarioProof[];
}

/** The questions to a guest, each at its time. An answer that does not hold ends the run (void). */
export interface GuestQuestions {
  /** Before anything is done to the guest: what its machine's profile claims. */
  askMachine(): Promise<void>;
  /** When it is prepared: whether the crash kernel is loaded, or is not. */
  askCrashKernel(): Promise<void>;
  /** Right before firing: what the scenario wants proved. Returns what needs a second look. */
  askScenario(): Promise<readonly OpenQuestion[]>;
}

/** Binds what is to be proved to the guest of which it is to be proved. */
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

/** What proofs may ask of a guest that runs. */
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
      const symbols = await readSymbols(guest, kernel.symbolCache);
      const gdb = await port.connect();
      try {
        return await look({ symbols, read: (address, length) => readKernelMemory(gdb, address, length) });
      } finally {
        // The guest runs on.
        await gdb.close();
      }
    },
    // The guest runs: what its sources bring about is there when they have been proved to work.
    sourcesWithinMs: 0,
    clock: { nowMs: () => watch.nowMs(), sleep: (ms) => watch.sleep(ms) },
    script: (script, what) => shell.run(script, what),
    tryScript: (script) => shell.tryRun(script),
  };
}
