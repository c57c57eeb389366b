import { type ControllerTexts, controllerLines } from '../hmp/controllers.js';
import { readRegisters } from '../hmp/registers.js';
import {
  type Autopsy,
  type AutopsyFrame,
  type AutopsyVcpu,
  MOST_FRAMES,
  MOST_LINES,
  MOST_VCPUS,
} from '../model/autopsy.js';
import type { Armed, VcpuState } from '../model/event.js';
import { GdbRemoteError } from '../qemu/gdbstub/index.js';
import type { FunctionFlows, StackFrame, SymbolTable } from '../symbols/index.js';
import { readVcpus } from '../timeline/vcpus.js';
import type { Debugger } from './debugger.js';
import { findingsOf, loopText, type SeenVcpu } from './findings.js';
import { loopAt } from './loop-at.js';
import { certainFunctions, lockFlows, type StackedVcpu, stackedVcpu } from './stacked-vcpu.js';
import { waitOf } from './waits.js';

/** A kernel of the stopped machine, with its symbols at this boot's addresses. */
export interface AutopsiedKernel {
  readonly symbols: SymbolTable;
  readonly release?: string | undefined;
  /** Where the symbols are from, for people. */
  readonly from: string;
  /** What KASLR moved it by, where it is known. */
  readonly offset?: bigint | undefined;
}

/** A CPU of a dump: whether it was halted is not in it. */
export interface DumpedCpu extends VcpuState {
  readonly cpl: number;
}

/** A machine that stands still while it is read: a stopped QEMU, or a dump. Nothing of a run is needed. */
export interface StillMachine {
  readonly reader: Pick<Debugger, 'vcpus' | 'readRegisters' | 'readMemory' | 'readPhysicalMemory'>;
  /** The text of HMP `info registers -a`; empty for a dump. */
  readonly registersText: string;
  /** The CPUs of a dump; absent for a machine. */
  readonly dumped?: readonly DumpedCpu[] | undefined;
  /** Registers that the reader does not know, and gives as zeros or by their meaning. */
  readonly unknownRegisters?: ReadonlySet<string> | undefined;
  /** The crash kernel's reservation, if it is known: it separates the two kernels' page tables. */
  readonly armed?: Armed | undefined;
  readonly kernels: {
    readonly production?: AutopsiedKernel | undefined;
    readonly capture?: AutopsiedKernel | undefined;
  };
  /** The monitor's texts of the interrupt controllers, where the machine has a monitor. */
  readonly controllers?: ControllerTexts | undefined;
  /** vCPUs whose registers are lost, as they were last seen: KVM has re-initialised them. */
  readonly lost?: readonly VcpuState[] | undefined;
  /** vCPUs that a choreography holds where they are. */
  readonly held?: ReadonlySet<number> | undefined;
  /** Locks that a choreography made vCPUs take, by calls that returned as such calls do. */
  readonly taken?: readonly TakenLock[] | undefined;
}

/** A lock that a directed call took. */
export interface TakenLock {
  readonly address: bigint;
  readonly vcpu: number;
  /** What was called: `_raw_spin_trylock`. */
  readonly function: string;
}

/** Longest texts, as the schema has them. */
const MOST_CHARACTERS = 512;
const MOST_FINDING = 2048;
const SIDES = ['production', 'capture'] as const;
const KERNEL_WORDS = { production: 'first kernel', capture: 'capture kernel' } as const;

/** Reads what a machine shows that stands still. Throws what its reader throws, but for memory that cannot be read. */
export async function autopsyOf(machine: StillMachine): Promise<Autopsy> {
  const { registersText, armed, kernels, controllers, unknownRegisters } = machine;
  const all = machine.dumped ?? readVcpus(registersText, armed);
  const unknown: string[] = [];
  if (all.length > MOST_VCPUS) unknown.push(`${all.length - MOST_VCPUS} more vCPUs`);
  const read: ReadVcpu[] = [];
  const flows = {
    production: kernels.production && lockFlows(kernels.production.symbols),
    capture: kernels.capture && lockFlows(kernels.capture.symbols),
  };
  for (const seen of all.slice(0, MOST_VCPUS)) read.push(await readVcpu(seen, { machine, unknown, flows }));
  for (const one of read) await inspect(one, read);
  for (const one of read) one.wait = withTaker(one.wait, { read, taken: machine.taken ?? [] });
  unknown.push(...missingSymbols(read, machine));
  const interrupts = controllers === undefined ? [] : controllerLines(controllers);
  if (controllers === undefined && machine.dumped === undefined)
    unknown.push('the interrupt controllers: the machine has no monitor to ask');
  return {
    version: 1,
    kernels: SIDES.flatMap((side) => {
      const kernel = kernels[side];
      if (kernel === undefined) return [];
      return [
        {
          side,
          release: kernel.release?.slice(0, 256),
          offset: kernel.offset?.toString(16) ?? kaslrOffset(kernel.symbols),
          symbols: kernel.from.slice(0, MOST_CHARACTERS),
        },
      ];
    }),
    vcpus: read.map((one) => vcpuOf(one, unknownRegisters)),
    waits: read.flatMap(({ wait }) => (wait?.taken === true ? [wait.wait] : [])),
    interrupts: interrupts.slice(0, MOST_VCPUS),
    findings: findingsOf(read)
      .slice(0, MOST_LINES)
      .map((text) => text.slice(0, MOST_FINDING)),
    unknown: unknown.slice(0, MOST_LINES).map((text) => text.slice(0, 1024)),
  };
}

/** Where the image of a kernel without KASLR begins: __START_KERNEL with CONFIG_PHYSICAL_START=16M (page_64_types.h, v6.1). */
const LINKED_AT = 0xffffffff81000000n;

/** By how much KASLR moved a kernel, which it does by whole units of 2 MiB; undefined for another start. */
function kaslrOffset(symbols: SymbolTable): string | undefined {
  const text = symbols.named('_text')[0]?.address;
  if (text === undefined || text < LINKED_AT || (text - LINKED_AT) % 0x200000n !== 0n) return undefined;
  return (text - LINKED_AT).toString(16);
}

/** What is read of one vCPU; its wait and its loop are found when all stacks are known. */
interface ReadVcpu extends SeenVcpu {
  readonly seen: VcpuState;
  readonly registers: Readonly<Record<string, bigint>>;
  /** Why it has no stack. */
  readonly noStack: string;
  wait: SeenVcpu['wait'];
  loop: SeenVcpu['loop'];
}

/** What the reading of a vCPU uses. */
interface Reader {
  readonly machine: StillMachine;
  /** Takes what cannot be read. */
  readonly unknown: string[];
  readonly flows: Partial<Record<(typeof SIDES)[number], FunctionFlows | undefined>>;
}

async function readVcpu(now: VcpuState, { machine, unknown, flows }: Reader): Promise<ReadVcpu> {
  const { reader, registersText, kernels, lost = [] } = machine;
  const before = lost.find(({ index }) => index === now.index);
  const seen = before ?? now;
  const { index: vcpu, place } = seen;
  const text = readRegisters(registersText).find(({ index }) => index === vcpu);
  const dumped = machine.dumped?.find(({ index }) => index === vcpu);
  const cpl = dumped?.cpl ?? text?.execution?.cpl;
  const isOff = dumped === undefined && seen.halted && ((text?.cr0 ?? 0n) & 1n) === 0n;
  const halted = seen.interruptsOn ? 'asleep' : 'parked';
  const state = isOff ? 'off' : dumped !== undefined ? 'unknown' : seen.halted ? halted : 'running';
  const base = {
    vcpu,
    place,
    state,
    held: machine.held?.has(vcpu) === true,
    seen,
    rip: BigInt(`0x${seen.rip}`),
    wait: undefined,
    loop: undefined,
  } as const;
  const without = (noStack: string, registers: ReadVcpu['registers'] = {}): ReadVcpu => ({
    ...base,
    registers,
    stacked: undefined,
    noStack,
  });
  if (before !== undefined) return without('KVM has re-initialised its registers');
  try {
    const registers = await reader.readRegisters(vcpu);
    if (place === 'user' || cpl === 3) return without('it runs in user mode', registers);
    if (place !== 'first-kernel' && place !== 'capture-kernel')
      return without('it runs no kernel', registers);
    if (text?.execution?.width === 32) {
      unknown.push(`the stack and the locks of vCPU ${vcpu}: it runs 32-bit code`);
      return without('it runs 32-bit code', registers);
    }
    const side = place === 'capture-kernel' ? 'capture' : 'production';
    const kernel = kernels[side];
    if (kernel === undefined) return without('no symbols of the kernel that it runs', registers);
    const { symbols } = kernel;
    const stacked = await stackedVcpu({ vcpu, state }, { reader, symbols, flows: flows[side] });
    return { ...base, registers, stacked, noStack: '' };
  } catch (error) {
    // A vCPU that the debugger does not have.
    if (!(error instanceof GdbRemoteError)) throw error;
    unknown.push(`vCPU ${vcpu}: ${error.message}`);
    return without('the debugger does not show it');
  }
}

/** Finds what a vCPU waits for, and who of the same kernel holds it; or the loop that it is in. */
async function inspect(one: ReadVcpu, all: readonly ReadVcpu[]): Promise<void> {
  const { stacked } = one;
  if (stacked === undefined) return;
  const sameKernel = all.flatMap((other): StackedVcpu[] =>
    other.stacked !== undefined && other.place === one.place ? [other.stacked] : [],
  );
  one.wait = await stacked.run(waitOf(stacked, sameKernel));
  if (one.state === 'running') one.loop = await stacked.run(loopAt(stacked.registers, stacked));
}

/** Where no stack shows the holder of a lock: who was made to take it. Its word must still show that it is taken. */
function withTaker(
  found: SeenVcpu['wait'],
  { read, taken }: { readonly read: readonly ReadVcpu[]; readonly taken: readonly TakenLock[] },
): SeenVcpu['wait'] {
  const { address, word } = found?.wait.lock ?? {};
  if (found?.taken !== true || found.wait.holder !== undefined || address === undefined || word === undefined)
    return found;
  const by = taken.findLast((one) => one.address === BigInt(`0x${address}`));
  if (by === undefined) return found;
  const stacked = read.find(({ vcpu }) => vcpu === by.vcpu)?.stacked;
  const sitsIn = stacked === undefined ? undefined : certainFunctions(stacked)[0];
  const holder = {
    vcpu: by.vcpu,
    ...(sitsIn === undefined || by.vcpu === found.wait.vcpu ? {} : { sitsIn }),
    proof: `the choreography made it take the lock by ${by.function}(), and the lock's word is 0x${word}`,
    certain: false,
  };
  return { ...found, wait: { ...found.wait, holder } };
}

function missingSymbols(read: readonly ReadVcpu[], { kernels }: StillMachine): string[] {
  return SIDES.flatMap((side) => {
    const place = side === 'capture' ? 'capture-kernel' : 'first-kernel';
    const runs = read.filter((one) => one.place === place && one.noStack.startsWith('no symbols'));
    if (kernels[side] !== undefined || runs.length === 0) return [];
    const who = runs.map(({ vcpu }) => vcpu).join(', ');
    return [`the stacks of vCPU ${who}: the symbols of the ${KERNEL_WORDS[side]} are not known`];
  });
}

function vcpuOf(
  { seen, state, held, registers, stacked, noStack, loop, wait }: ReadVcpu,
  unknownRegisters: ReadonlySet<string> = new Set(),
): AutopsyVcpu {
  const trace = stacked?.trace;
  const frames = trace?.frames ?? [];
  const cut = frames.length > MOST_FRAMES;
  return {
    vcpu: seen.index,
    state,
    ...(held ? { held } : {}),
    interruptsOn: seen.interruptsOn,
    place: seen.place,
    registers: Object.fromEntries(
      Object.entries(registers)
        .filter(([name]) => !unknownRegisters.has(name))
        .map(([name, value]) => [name, value.toString(16)]),
    ),
    frames: frames
      .slice(0, MOST_FRAMES)
      .map((frame, index) => frameOf(frame, index === 0 ? undefined : frames[index - 1])),
    complete: trace?.complete === true && !cut,
    ended: (trace?.ended ?? noStack).slice(0, MOST_CHARACTERS),
    ...(loop === undefined || stacked === undefined || wait?.taken === true
      ? {}
      : { loop: `a loop of ${loopText(loop, stacked)}`.slice(0, 1024) }),
  };
}

function frameOf(frame: StackFrame, above: StackFrame | undefined): AutopsyFrame {
  const { address, label, symbolized, source, reliable, interrupted } = frame;
  return {
    address: address.toString(16),
    label: label.replace(/^\? /, '').slice(0, MOST_CHARACTERS),
    ...(symbolized === undefined ? {} : { function: symbolized.symbol.name }),
    source,
    reliable,
    interrupted,
    ...(interrupted && above !== undefined ? { hitBy: hitBy(above.symbolized?.symbol.name ?? '') } : {}),
  };
}

/** What an entry function stands for (arch/x86/include/asm/idtentry.h, v6.1; entry_64.S of kernels before v5.8). */
function hitBy(entry: string): NonNullable<AutopsyFrame['hitBy']> {
  if (/nmi/.test(entry)) return 'NMI';
  if (/^(?:asm_exc_|error_|paranoid_|page_fault|general_protection|double_fault)/.test(entry))
    return 'exception';
  return 'interrupt';
}
