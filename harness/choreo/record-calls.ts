import { isDeepStrictEqual } from 'node:util';
import { inspectVcpu, stackOf } from '../autopsy/inspect-vcpu.js';
import type { Registers } from '../machine/debugger.js';
import {
  boundedName,
  MOST_CALLERS,
  MOST_CALLS,
  type RecordedCall,
  type RecordedWord,
} from '../model/recorded-calls.js';
import { functionsOf } from '../symbols/index.js';
import type { CodeLocation } from './code-location.js';
import type { ChoreographyContext } from './context.js';
import { DataNames } from './data-names.js';
import { instructionAt } from './instruction-at.js';
import { NotReached } from './not-reached.js';
import { operandAddress } from './operand-address.js';
import { stepOn, stopWithin } from './stop-within.js';
import { wordAt } from './word-at.js';

/** The places, the end, and the bounds of a recording. */
export interface RecordOptions {
  readonly places: readonly CodeLocation[];
  /** Places that the kernel does not have, for the record. */
  readonly missing?: readonly string[];
  readonly to: CodeLocation;
  /** Upper limit of stops. */
  readonly most: number;
  readonly withinMs: number;
}

const INTERRUPT_FLAG = 0x200n;

/**
 * Lets a stopped vCPU run, all others held, to a location, and records each time that it is about to execute a place. A
 * fact with all of them follows at the end, also of a recording that fails. Returns the number of stops. Throws
 * NotReached when the end does not come within the bounds.
 */
export async function recordCalls(
  vcpu: number,
  context: ChoreographyContext,
  options: RecordOptions,
): Promise<number> {
  const recording = new CallRecording(vcpu, context, options);
  let reached = false;
  try {
    await recording.run();
    reached = true;
  } finally {
    recording.keep(reached);
  }
  return recording.stops;
}

class CallRecording {
  readonly #vcpu: number;
  readonly #context: ChoreographyContext;
  readonly #options: RecordOptions;
  readonly #names: DataNames;
  readonly #calls = new Map<string, RecordedCall>();
  stops = 0;

  constructor(vcpu: number, context: ChoreographyContext, options: RecordOptions) {
    this.#vcpu = vcpu;
    this.#context = context;
    this.#options = options;
    this.#names = new DataNames(context);
  }

  keep(reached: boolean): void {
    this.#context.fact({
      fact: 'recorded',
      places: this.#options.places.map(({ name }) => boundedName(name)),
      missing: (this.#options.missing ?? []).map(boundedName),
      to: boundedName(this.#options.to.name),
      reached,
      stops: this.stops,
      calls: [...this.#calls.values()],
    });
  }

  async run(): Promise<void> {
    const { gdb } = this.#context;
    const { places, to, withinMs } = this.#options;
    const end = places.find(({ address }) => address === to.address);
    if (end !== undefined) throw new NotReached(`record ${end.name}`, 'it is where the recording ends');
    const breakpoints = new Set([to, ...places].map(({ address }) => address));
    const untilMs = this.#context.nowMs() + withinMs;
    try {
      for (const address of breakpoints) await gdb.setBreakpoint(address, 'hardware');
      for (;;) {
        const registers = await gdb.readRegisters(this.#vcpu);
        if (registers.rip === to.address) return;
        const place = places.find(({ address }) => address === registers.rip);
        if (place === undefined) await this.#continue(untilMs);
        else await this.#pass(place, registers);
      }
    } finally {
      for (const address of breakpoints)
        await gdb.removeBreakpoint(address, 'hardware').catch(() => undefined);
    }
  }

  /** Lets the vCPU run to its next stop. */
  async #continue(untilMs: number): Promise<void> {
    const { gdb } = this.#context;
    await gdb.continueVcpus([this.#vcpu]);
    const stop = await stopWithin(this.#context, untilMs);
    if (stop === undefined) {
      await gdb.interrupt();
      throw await this.#notReached(`within ${this.#options.withinMs} ms`);
    }
    if (stop.reason.kind !== 'trap')
      throw await this.#notReached(`: the guest stopped (${stop.reason.kind})`);
  }

  /** Notes a stop at a place, and steps off it: a vCPU that continues at a breakpoint stops there again. */
  async #pass(place: CodeLocation, registers: Registers): Promise<void> {
    const { gdb } = this.#context;
    if (this.stops >= this.#options.most) throw await this.#notReached(`within ${this.#options.most} stops`);
    await this.#note(place, registers);
    await gdb.removeBreakpoint(place.address, 'hardware');
    await stepOn(this.#vcpu, this.#context, `step off ${place.name}`);
    await gdb.setBreakpoint(place.address, 'hardware');
  }

  async #notReached(bound: string): Promise<NotReached> {
    return new NotReached(
      `reach ${this.#options.to.name} ${bound}`,
      await inspectVcpu(this.#vcpu, this.#context),
    );
  }

  async #note(place: CodeLocation, registers: Registers): Promise<void> {
    this.stops += 1;
    const { gdb, symbols } = this.#context;
    const isEntry = place.instruction !== true && symbols.at(place.address)?.offset === 0;
    const { address: argument, word } = isEntry
      ? { address: registers.rdi, word: undefined }
      : await this.#operand(place, registers);
    const from = isEntry
      ? (await gdb.readMemory(registers.rsp, 8, { vcpu: this.#vcpu })).readBigUInt64LE(0)
      : registers.rip;
    const interrupts = (registers.rflags & INTERRUPT_FLAG) !== 0n;
    const key = [place.address, argument, from, interrupts].join(' ');
    const known = this.#calls.get(key);
    if (known !== undefined) {
      const varies = !isDeepStrictEqual({ ...known.word, varies: undefined }, { ...word, varies: undefined });
      const seen =
        known.word === undefined || !varies ? known : { ...known, word: { ...known.word, varies } };
      this.#calls.set(key, { ...seen, count: known.count + 1 });
      return;
    }
    if (this.#calls.size >= MOST_CALLS) throw await this.#notReached(`with ${MOST_CALLS} different stops`);
    const data = isOnStack(argument, registers) ? undefined : await this.#names.of(argument);
    const stack = functionsOf(await stackOf(this.#vcpu, this.#context));
    this.#calls.set(key, {
      at: boundedName(place.name),
      argument: `0x${argument.toString(16)}`,
      ...(data === undefined ? {} : { data }),
      ...(word === undefined ? {} : { word }),
      from: boundedName(symbols.label(from)),
      stack: stack.slice(1, 1 + MOST_CALLERS).map(boundedName),
      interrupts,
      first: this.stops,
      count: 1,
    });
  }

  /** The instruction's operand in memory, and what a locked one is about to do to it. */
  async #operand(
    place: CodeLocation,
    registers: Registers,
  ): Promise<{ readonly address: bigint; readonly word?: RecordedWord }> {
    const { instruction, code } = await instructionAt(this.#vcpu, this.#context, {
      address: place.address,
      bits: 64,
    });
    const address = operandAddress(instruction, registers);
    if (address !== undefined)
      return (await wordAt(code, { address, registers }, this.#context)) ?? { address };
    throw new NotReached(
      `record ${place.name}`,
      `"${instruction.text}" has no operand in memory; a place is a function, or an instruction with one`,
    );
  }
}

/** Kernel stacks are aligned to their size (arch/x86/include/asm/page_64_types.h, v6.1: THREAD_SIZE, IRQ_STACK_SIZE). */
const STACK_BYTES = 16n * 1024n;

/**
 * Whether an address is in the part of the stack that is in use. An idle task's stack may be a variable, that of an
 * interrupt a CPU's; what is on it is neither.
 */
function isOnStack(address: bigint, { rsp }: Registers): boolean {
  return address >= rsp && address < rsp - (rsp % STACK_BYTES) + STACK_BYTES;
}
