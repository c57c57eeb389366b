import { readIrqchips } from '../../hmp/irqchips.js';
import { readLapic } from '../../hmp/lapic.js';
import { readRegisters } from '../../hmp/registers.js';
import type {
  GuestWitness,
  MachineWitness,
  ScriptReply,
  StackSeen,
  StoppedVcpu,
  StoppedWitness,
} from '../../proof/witness.js';
import { parseKallsyms, type SymbolTable } from '../../symbols/index.js';
import { pinOfDevice, readProcInterrupts } from '../../timeline/proc-interrupts.js';

/** Answers of a made machine; an absent one is empty. A list has one answer for each call. */
export interface MachineTexts {
  readonly registers?: string;
  readonly pic?: string | readonly string[];
  /** `info lapic`, by vCPU. */
  readonly lapics?: readonly string[];
  readonly procInterrupts?: string;
  readonly cpus?: number;
  readonly sourcesWithinMs?: number;
  /** /proc/kallsyms; absent: a machine without a debugger. */
  readonly kallsyms?: string;
  /** At exactly these addresses. */
  readonly memory?: ReadonlyMap<bigint, Uint8Array>;
}

/** A machine that answers from texts; `role` means vCPU 0. Its clock advances only during `sleep`. */
export function machineWitness(texts: MachineTexts): MachineWitness {
  let nowMs = 0;
  let asked = 0;
  return {
    cpus: texts.cpus ?? 2,
    vcpuOf: (subject) => ('cpu' in subject ? subject.cpu : 0),
    registers: async () => readRegisters(texts.registers ?? ''),
    irqchips: async () => {
      const pics = [texts.pic ?? ''].flat();
      const pic = pics[Math.min(asked, pics.length - 1)] ?? '';
      asked += 1;
      return readIrqchips(pic);
    },
    lapic: async (vcpu) => readLapic(texts.lapics?.[vcpu] ?? ''),
    pinOf: async (name) =>
      typeof name === 'number' ? name : pinOfDevice(readProcInterrupts(texts.procInterrupts ?? ''), name),
    withKernel: async (look) =>
      texts.kallsyms === undefined
        ? { hidden: 'the machine has no debugger' }
        : look({
            symbols: symbolsOf(texts.kallsyms),
            read: async (address, length) => texts.memory?.get(address)?.subarray(0, length),
          }),
    sourcesWithinMs: texts.sourcesWithinMs ?? 0,
    clock: {
      nowMs: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
    },
  };
}

/** A running guest: replies to scripts in their order; `undefined` is no answer. */
export function guestWitness(
  replies: readonly (ScriptReply | undefined)[],
  texts: MachineTexts = {},
): GuestWitness & { readonly scripts: readonly string[] } {
  const scripts: string[] = [];
  const answer = (script: string) => {
    scripts.push(script);
    return replies[scripts.length - 1];
  };
  return {
    ...machineWitness(texts),
    scripts,
    async script(script) {
      const reply = answer(script);
      if (reply === undefined) throw new Error(`no reply to "${script}"`);
      return reply;
    },
    tryScript: async (script) => answer(script),
  };
}

/** A made guest in a choreography. */
export interface StoppedParts extends MachineTexts {
  readonly stopped?: StoppedVcpu;
  readonly stack?: StackSeen;
}

/** A guest whose vCPUs are stopped. */
export function stoppedWitness(parts: StoppedParts): StoppedWitness {
  return {
    ...machineWitness(parts),
    stopped: async () => parts.stopped ?? { function: undefined, interruptsOn: false, line: 'nowhere' },
    stack: async () => parts.stack ?? { functions: [], line: '' },
  };
}

/** The table of a text. Throws when it is none. */
export function symbolsOf(kallsyms: string): SymbolTable {
  const parsed = parseKallsyms(kallsyms);
  if (parsed.kind !== 'symbols') throw new Error(`kallsyms is ${parsed.kind}`);
  return parsed.table;
}
