import { readIdt } from '../autopsy/idt.js';
import { inspectVcpu } from '../autopsy/inspect-vcpu.js';
import type { Idt, TracedInstruction } from '../model/instruction-trace.js';
import { KERNEL_IMAGE } from '../model/place.js';
import type { Registers } from '../machine/debugger.js';
import type { Disassembled } from '../symbols/index.js';
import { Callees } from './callees.js';
import type { TraceContext } from './context.js';
import { instructionAt } from './instruction-at.js';
import { KnownCode } from './known-code.js';
import { NotReached } from './not-reached.js';
import { stepOnce, stepOver } from './step-over.js';

/** The calls that are traced into, and the bounds of a trace. */
export interface TraceOptions {
  /** Functions that are traced into. */
  readonly into: ReadonlySet<string>;
  /** Linear addresses of calls that are traced into as well. */
  readonly from: ReadonlySet<bigint>;
  /** Upper limit of instructions. */
  readonly most: number;
  readonly withinMs: number;
}

/** Instructions in one record. */
const SEGMENT = 128;
/** See {@link stepOver}: purgatory's digest takes 2 s under TCG, a decompression without a breakpoint 5. */
const PATIENCE_MS = 8000;
const PURPOSE = "trace to the capture kernel's own IDT";

type Execution = Pick<TracedInstruction, 'executed' | 'tookMs' | 'noticed'>;

/** How an instruction was executed, and the registers behind it where a step has read them. */
interface Executed {
  readonly execution: Execution;
  readonly behind?: Registers;
}

/**
 * Traces a stopped vCPU, all others held, until the capture kernel has an IDT of its own with a gate for the NMI; every
 * instruction that it was about to execute is recorded with the IDT that an NMI would have used there. A call is
 * stepped over, unless it or its function is named: then it is traced into. Returns how many instructions were
 * recorded. Throws NotReached when the end does not come within the bounds, or the guest dies.
 */
export async function traceInstructions(
  vcpu: number,
  context: TraceContext,
  options: TraceOptions,
): Promise<number> {
  const tracer = new Tracer(vcpu, context, options);
  try {
    await tracer.run();
  } finally {
    tracer.flush();
  }
  return tracer.count;
}

class Tracer {
  readonly #vcpu: number;
  readonly #context: TraceContext;
  readonly #options: TraceOptions;
  readonly #untilMs: number;
  #segment: TracedInstruction[] = [];
  #written = 0;
  #lastIdt: Idt | undefined;
  #lastCr3: bigint | undefined;
  #lastCs: bigint | undefined;
  #bits: 64 | 32 = 64;
  #idt: Idt | undefined;
  #jumped = false;

  constructor(vcpu: number, context: TraceContext, options: TraceOptions) {
    this.#vcpu = vcpu;
    this.#context = context;
    this.#options = options;
    this.#untilMs = context.nowMs() + options.withinMs;
  }

  get count(): number {
    return this.#written + this.#segment.length;
  }

  flush(): void {
    if (this.#segment.length === 0) return;
    this.#context.fact({ fact: 'traced', first: this.#written, instructions: this.#segment });
    this.#written += this.#segment.length;
    this.#segment = [];
  }

  async run(): Promise<void> {
    let registers = await this.#readRegisters();
    await this.#readMode();
    const known = await KnownCode.read(this.#vcpu, this.#context);
    const callees = new Callees(this.#vcpu, this.#context, this.#options);
    while (this.count < this.#options.most) {
      if (registers.cs !== this.#lastCs) await this.#readMode();
      this.#lastCs = registers.cs;
      const before = { idt: this.#idt, registers };
      const { instruction, code } = await instructionAt(this.#vcpu, this.#context, {
        address: registers.rip,
        bits: this.#bits,
      });
      const label = known.label(registers, code);
      const ends = this.#isOwnIdt(registers);
      const { execution, behind }: Executed = ends
        ? { execution: { executed: 'step' } }
        : await this.#execute(instruction, registers, callees);
      this.#record(instruction, execution, { ...before, label });
      if (ends) return;
      // Over a slow link each question costs.
      registers = behind ?? (await this.#readRegisters());
    }
    throw new NotReached(
      `${PURPOSE} within ${this.#options.most} instructions`,
      await inspectVcpu(this.#vcpu, this.#context),
    );
  }

  #readRegisters(): Promise<Registers> {
    return this.#context.gdb.readRegisters(this.#vcpu);
  }

  /** Reads what the gdbstub does not show: the IDT, and whether the vCPU runs 64-bit code. */
  async #readMode(): Promise<void> {
    const registers = await this.#context.vcpuRegisters();
    const own = registers.find(({ index }) => index === this.#vcpu);
    this.#bits = own?.codeIs64Bit === true ? 64 : 32;
    this.#idt = await readIdt(registers, this.#vcpu, this.#context.gdb);
  }

  /** A handler in the kernel's own mapping, after code that ran outside of any: that is the capture kernel. */
  #isOwnIdt({ rip }: Registers): boolean {
    this.#jumped ||= rip < KERNEL_IMAGE;
    return this.#jumped && rip >= KERNEL_IMAGE && this.#idt?.nmiGate.startsWith('0x') === true;
  }

  /** Executes the instruction at RIP, as one step of the trace. */
  async #execute(instruction: Disassembled, registers: Registers, callees: Callees): Promise<Executed> {
    const { flow } = instruction;
    if (flow === 'other' || (flow === 'call' && (await callees.follows(instruction, registers)))) {
      const behind = await stepOnce(this.#vcpu, this.#context, { registers, purpose: PURPOSE });
      if (instruction.mnemonic === 'lidt') await this.#readMode();
      return { execution: { executed: 'step' }, behind };
    }
    const bounds = { bits: this.#bits, untilMs: this.#untilMs, patienceMs: PATIENCE_MS, purpose: PURPOSE };
    const begunMs = performance.now();
    const by = await stepOver(this.#vcpu, this.#context, { instruction, registers, ...bounds });
    const tookMs = Math.round(performance.now() - begunMs);
    await this.#readMode();
    return { execution: { executed: 'over', tookMs, ...(by === 'watch' ? { noticed: by } : {}) } };
  }

  #record(
    instruction: Disassembled,
    execution: Execution,
    { idt, registers, label }: { idt: Idt | undefined; registers: Registers; label: string },
  ): void {
    const { cr3, rsi, rdi } = registers;
    const copies = instruction.flow === 'repeat' && instruction.mnemonic.startsWith('movs');
    this.#segment.push({
      at: `0x${instruction.address.toString(16)}`,
      label,
      text: instruction.text,
      ...execution,
      ...(idt === undefined || sameIdt(idt, this.#lastIdt) ? {} : { idt }),
      ...(copies ? { copies: { from: `0x${rsi.toString(16)}`, to: `0x${rdi.toString(16)}` } } : {}),
      ...(cr3 === this.#lastCr3 ? {} : { cr3: `0x${cr3.toString(16)}` }),
    });
    this.#lastIdt = idt;
    this.#lastCr3 = cr3;
    if (this.#segment.length >= SEGMENT) this.flush();
  }
}

function sameIdt(one: Idt, other: Idt | undefined): boolean {
  return one.base === other?.base && one.limit === other.limit && one.nmiGate === other.nmiGate;
}
