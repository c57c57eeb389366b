import type { Duplex } from 'node:stream';
import { Fault } from '../model/fault.js';
import type { MachineCheck } from '../model/machine-check.js';
import type { Channel, HostFact } from '../model/record.js';
import type { PluggedMemory } from '../model/plugged-memory.js';
import type { Debugger } from './debugger.js';

/**
 * The machine under test, as a run sees it: a set of named abilities, each of which is present or missing. The machine
 * reports what it does by itself to a {@link MachineLog}.
 */
export interface Machine {
  /** For people: `QEMU 7.2.22`, `a recording`. */
  readonly name: string;
  readonly abilities: Abilities;
  /**
   * Resolves when the log has all that a guest wrote before it stopped; absent where its last bytes may still be on their
   * way, and nobody knows for how long.
   */
  readonly lastBytes?: (() => Promise<void>) | undefined;
  /**
   * Hands the stopped machine over to its supervisor: it stays up after `close`, as it is, for so many minutes. Absent
   * where a machine ends with its run. `files` are removed with it. Throws a fault; `close` ends the machine then.
   */
  readonly stayUp?:
    | ((options: {
        readonly minutes: number;
        readonly files: readonly string[];
      }) => Promise<{ readonly pid: number }>)
    | undefined;
  /**
   * Ends the machine; resolves when nothing of it is left. The log gets no reports afterwards. A failed cleanup step is
   * reported as a harness fault.
   */
  close(): Promise<void>;
}

/** The abilities of machines, by name. A missing ability has no key. */
export interface Abilities {
  readonly console?: Console;
  readonly control?: Control;
  readonly reset?: Reset;
  readonly nmi?: Nmi;
  readonly machineCheck?: MachineChecks;
  readonly keyboard?: Keyboard;
  readonly debugger?: DebugPort;
  readonly monitor?: Monitor;
  readonly memory?: Memory;
  readonly dump?: Dump;
  readonly interrupts?: Interrupts;
  readonly network?: Network;
  readonly snapshot?: Snapshot;
  readonly resetLog?: ResetLog;
  readonly hotplug?: Hotplug;
}

export type AbilityName = keyof Abilities;

/** Takes the reports of a machine, in the order of events. */
export interface MachineLog {
  /** Bytes that the guest wrote to one of its two serial lines. */
  bytes(channel: Channel, bytes: Buffer): void;
  /** A message of the machine's management protocol (QMP), sent to it (`out`) or by it (`in`). */
  message(direction: 'in' | 'out', message: Record<string, unknown>): void;
  /** The registers of all vCPUs, as {@link Monitor.registers} gives them. */
  sample(text: string): void;
  /** Its start, its end, its failures, and what the host gives it (`host-time`), where the host tells. */
  fact(fact: HostFact): void;
}

/** The serial line of the console under test; its output is reported through {@link MachineLog.bytes}. */
export interface Console {
  /** Types bytes at the line. */
  send(bytes: Buffer): void;
  /** A BREAK condition on the line; absent where the line has none. */
  readonly sendBreak?: () => Promise<void>;
}

/** The second serial line, on which the guest's init receives requests. */
export interface Control {
  send(bytes: Buffer): void;
}

/** The reset button. */
export interface Reset {
  /** Resolves when the reset is requested. */
  reset(): Promise<void>;
}

/** The NMI button: an NMI to the CPUs that the machine's button reaches (all vCPUs under QEMU). */
export interface Nmi {
  inject(): Promise<void>;
}

/** Machine checks, as hardware reports its errors. */
export interface MachineChecks {
  /**
   * Puts an error into a bank of a vCPU; an uncorrected one raises #MC. Resolves with what the machine says to it:
   * nothing when it obeys.
   */
  inject(error: MachineCheck): Promise<string>;
}

/** A PS/2 keyboard. */
export interface Keyboard {
  /** Presses a key, named as in QEMU's QKeyCode, and keeps it pressed. */
  hold(key: string): Promise<void>;
}

/** A port at which a debugger can be attached. */
export interface DebugPort {
  /** Attaches, which stops the machine; one debugger at a time. `Machine.close` closes it. */
  connect(): Promise<Debugger>;
  /** How long a question is on its way there and back, as measured so far, milliseconds; absent for a machine here. */
  readonly roundTripMs?: (() => number) | undefined;
}

/**
 * Inspects the machine without stopping it. The texts are those of QEMU's monitor; `hmp/` parses them. Each call throws a
 * {@link MachineFailure} when the machine is gone or does not answer.
 */
export interface Monitor {
  /** The registers of all vCPUs: HMP `info registers -a`. */
  registers(): Promise<string>;
  /** IO-APIC and 8259s: HMP `info pic`. */
  irqchips(): Promise<string>;
  /** Interrupts counted by the controllers' models: HMP `info irq`. */
  interruptCounts(): Promise<string>;
  /** One vCPU's local APIC, by the number of the vCPU: HMP `info lapic`. Undefined when there is no such vCPU. */
  lapic(vcpu: number): Promise<string | undefined>;
  /** Numbers of the vCPUs, ascending. */
  vcpus(): Promise<readonly number[]>;
  /** QEMU's run state (qapi/run-state.json, RunState): `running`, `paused`, `internal-error`. */
  runState(): Promise<string>;
  /**
   * Reports the registers of all vCPUs to the log several times a second. The returned function stops that, after one
   * last sample.
   */
  startSampling(): () => Promise<void>;
}

/** The machine's physical memory, seen from outside. What it holds while vCPUs run may change meanwhile. */
export interface Memory {
  /**
   * Reads whole pages at a physical address. `into`, of that length, may become the result: fresh buffers for all of a
   * guest's memory cost more than the reading. Throws a {@link MachineFailure}.
   */
  read(address: number, bytes: number, options?: { readonly into?: Buffer | undefined }): Promise<Buffer>;
  /**
   * Reads those pages of a range, whole pages, that are not as the machine began: `into` gets them at their places, and
   * the result says which they are. The others hold what `base` does, or zeros where there is none. Undefined where the
   * host cannot tell; absent where it never can. Throws a {@link MachineFailure}.
   */
  readonly readOwn?: ((address: number, into: Buffer) => Promise<readonly PageRun[] | undefined>) | undefined;
  /** The memory that the machine began with; absent: zeros. */
  readonly base?: BaseMemory | undefined;
}

/** Pages of a range, from `first` to `end`. */
export interface PageRun {
  readonly first: number;
  readonly end: number;
  readonly isOwn: boolean;
}

/** Memory that machines begin with, and do not change. */
export interface BaseMemory {
  /** The same object for the same memory. */
  readonly key: object;
  /** Fills `into` from a physical address of RAM. Throws a {@link MachineFailure}. */
  read(address: number, into: Buffer): Promise<void>;
}

/** Dumps of the machine's memory, in the run directory. */
export interface Dump {
  /** The disk on which a capture kernel writes its dump, in makedumpfile's flattened form; absent: there is none. */
  readonly disk?: string | undefined;
  /**
   * Has the machine write all of its memory, compressed, in the same form. The vCPUs stand still meanwhile. Returns the
   * file's name. Throws a {@link MachineFailure}.
   */
  save(): Promise<string>;
}

/**
 * An MSI's content: an NMI, a vector from 16 to 255 (lower ones are illegal, Intel SDM), or KVM's kick, which ends the
 * `hlt` of a vCPU without an interrupt.
 */
export type InterruptMessage = { readonly nmi: true } | { readonly vector: number } | { readonly kick: true };

/** An interrupt from a device: an MSI to a vCPU's APIC, or a level on a pin of the IO-APIC. */
export type Pulse =
  | { readonly vcpu: number; readonly message: InterruptMessage }
  | { readonly pin: number; readonly level: 0 | 1 };

/** Interrupts from outside the guest: MSI injection and the pins of the IO-APIC. */
export interface Interrupts {
  /**
   * Sends pulses at once, in their order; each is pending when this resolves, whether the vCPUs run or are stopped.
   * Throws a {@link MachineFailure}. `deadlineMs`: for all of them; half a minute when absent.
   */
  send(pulses: readonly Pulse[], options?: { readonly deadlineMs?: number }): Promise<void>;
  /** The APIC id that messages to a vCPU go to. Throws a RangeError when there is no such vCPU. */
  apicIdOf(vcpu: number): Promise<number>;
  /** Pins among them that no line drives. */
  readonly deadPins?: readonly number[];
  /** How many pins of the IO-APIC can be driven; 0 on a machine without one. */
  ioApicPins(): Promise<number>;
}

/**
 * The host's end of the network card. A card is connected to raw frames or to a network with one outgoing connection;
 * the other method throws {@link MissingAbility}.
 */
export interface Network {
  /** Raw Ethernet frames to and from the card. */
  frames(): Promise<FrameLink>;
  /** The guest's one outgoing connection, as soon as there is one. */
  stream(): Promise<Duplex>;
}

/** Raw frames to and from a network card. */
export interface FrameLink {
  /** Sends the frame `times` times, in one write; false when the card is behind: wait for {@link ready}. */
  send(frame: Buffer, times: number): boolean;
  /** Resolves when the card takes frames again, or is gone. */
  ready(): Promise<void>;
  /** True when the card is not connected, or no longer. */
  readonly gone: boolean;
  /** Frames that the guest has sent. */
  readonly received: number;
}

/** The machine's own account of resets. */
export interface ResetLog {
  /** Of the last one. Undefined when the machine does not show it, as under KVM. */
  kind(): Promise<'triple fault' | 'other reset' | undefined>;
  /** The vCPUs that an INIT interrupted in a kernel's 64-bit code, ascending; undefined as above. */
  interrupted(): Promise<readonly number[] | undefined>;
}

/**
 * How a machine begins. A template boots with its memory in a file that others can map; a clone starts from a template's
 * saved state with a private copy-on-write mapping of the same file, which does not change. `memory` is the path by which
 * QEMU opens it.
 */
export type Origin =
  | { readonly kind: 'template'; readonly memory: string }
  | { readonly kind: 'clone'; readonly memory: string; readonly state: Buffer };

/** Saves a machine from which others can be cloned. */
export interface Snapshot {
  /**
   * Stops the machine, for good, and returns the state of its CPUs and devices. Its memory stays in the file from which
   * clones map theirs. Throws a {@link MachineFailure}.
   */
  save(): Promise<Buffer>;
}

/** Plugs parts into the running machine. Each call throws a {@link MachineFailure} when the machine refuses. */
export interface Hotplug {
  /** Plugs so many vCPUs; the guest brings them online. */
  cpus(count: number): Promise<void>;
  /** Plugs memory: a DIMM, or more of the virtio-mem device. */
  memory(memory: PluggedMemory): Promise<void>;
}

/** Abilities in words, for the proof that the machine has one. */
const WORDS: Readonly<Record<AbilityName, string>> = {
  console: 'a console to type at',
  control: 'a control channel',
  reset: 'a reset button',
  nmi: 'an NMI button',
  machineCheck: 'machine checks that can be injected',
  keyboard: 'a keyboard',
  debugger: 'a debugger',
  monitor: 'a monitor',
  memory: 'memory that can be read from outside',
  dump: 'dumps of its memory',
  interrupts: 'interrupt injection',
  network: 'a network card',
  snapshot: 'snapshots',
  resetLog: 'a log of resets',
  hotplug: 'parts that can be plugged while it runs',
};

/** The machine lacks an ability that the scenario needs: the run shows nothing about the kernel. */
export class MissingAbility extends Error {
  readonly ability: AbilityName;
  /** The statement that does not hold, as a proof names it: `the machine has a debugger`. */
  readonly what: string;
  readonly saw: string;

  /** `part` narrows the ability down: `a network card with raw frames`. */
  constructor(ability: AbilityName, machine: string, part = '') {
    const words = `${WORDS[ability]}${part}`;
    super(`the machine has ${words}: ${machine} has none`);
    this.name = 'MissingAbility';
    this.ability = ability;
    this.what = `the machine has ${words}`;
    this.saw = `${machine} has none`;
  }
}

/** An operation of the machine failed, although it has the ability: it is gone, does not answer in time, or refuses. */
export class MachineFailure extends Fault {
  /** True when the machine is gone. */
  readonly gone: boolean;

  constructor(message: string, { gone, cause }: { gone: boolean; cause?: unknown }) {
    super('harness', message, { cause });
    this.name = 'MachineFailure';
    this.gone = gone;
  }
}

/** An ability of the machine. Throws {@link MissingAbility} when it has none. */
export function need<Name extends AbilityName>(
  { abilities, name }: Pick<Machine, 'abilities' | 'name'>,
  ability: Name,
): NonNullable<Abilities[Name]> {
  const found = abilities[ability];
  if (found === undefined) throw new MissingAbility(ability, name);
  return found;
}
