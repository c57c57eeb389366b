import { readRegisters } from '../hmp/registers.js';
import type { Idt, Walked } from '../model/record.js';
import type { Registers } from '../qemu/gdbstub/index.js';
import type { Disassembled } from '../symbols/index.js';
import { Callees } from './callees.js';
import { readIdt } from './idt.js';
import { instructionAt } from './instruction-at.js';
import { KERNEL_IMAGE, KnownCode } from './known-code.js';
import { lookAt } from './look.js';
import { NotReached, type WalkStage } from './stage.js';
import { stepOnce, stepOver } from './step-over.js';

/** Where a walk goes in, and when it gives up. */
export interface WalkOptions {
  /** Functions that are walked through. */
  readonly into: ReadonlySet<string>;
  /** Linear addresses of calls that are walked through as well. */
  readonly from: ReadonlySet<bigint>;
  /** Instructions. */
  readonly most: number;
  readonly withinMs: number;
}

/** Instructions in one record. */
const PART = 128;
/** See {@link stepOver}: purgatory's digest takes 2 s under TCG, a decompression without any stop 5. */
const PATIENCE_MS = 8000;
const PURPOSE = "walk to the capture kernel's own IDT";

type Went = Pick<Walked, 'went' | 'tookMs' | 'noticed'>;

/**
 * Walks a stopped vCPU, all others held, until the capture kernel has an IDT of its own with a gate for the NMI; every
 * instruction that it stood at is recorded with the IDT that an NMI would have met there. A call is gone over as one
 * step, unless it or its function is named: then it is walked through. Returns how many instructions were recorded.
 * Throws NotReached when the end does not come within the bounds, or the guest dies.
 */
export async function walk(vcpu: number, stage: WalkStage, options: WalkOptions): Promise<number> {
  const walker = new Walker(vcpu, stage, options);
  try {
    await walker.go();
  } finally {
    walker.flush();
  }
  return walker.count;
}

class Walker {
  readonly #vcpu: number;
  readonly #stage: WalkStage;
  readonly #options: WalkOptions;
  readonly #untilMs: number;
  #part: Walked[] = [];
  #written = 0;
  #lastIdt: Idt | undefined;
  #lastCr3: bigint | undefined;
  #lastCs: bigint | undefined;
  #bits: 64 | 32 = 64;
  #idt: Idt | undefined;
  #jumped = false;

  constructor(vcpu: number, stage: WalkStage, options: WalkOptions) {
    this.#vcpu = vcpu;
    this.#stage = stage;
    this.#options = options;
    this.#untilMs = performance.now() + options.withinMs;
  }

  get count(): number {
    return this.#written + this.#part.length;
  }

  flush(): void {
    if (this.#part.length === 0) return;
    this.#stage.fact({ fact: 'walked', first: this.#written, instructions: this.#part });
    this.#written += this.#part.length;
    this.#part = [];
  }

  async go(): Promise<void> {
    let registers = await this.#look();
    await this.#readMode();
    const known = await KnownCode.read(this.#vcpu, this.#stage);
    const callees = new Callees(this.#vcpu, this.#stage, this.#options);
    while (this.count < this.#options.most) {
      if (registers.cs !== this.#lastCs) await this.#readMode();
      this.#lastCs = registers.cs;
      const before = { idt: this.#idt, registers };
      const place = { address: registers.rip, bits: this.#bits };
      const { instruction, code } = await instructionAt(this.#vcpu, this.#stage, place);
      const label = known.label(registers, code);
      const ends = this.#isOwnIdt(registers);
      const went: Went = ends ? { went: 'step' } : await this.#goOn(instruction, registers, callees);
      this.#record(instruction, went, { ...before, label });
      if (ends) return;
      registers = await this.#look();
    }
    throw new NotReached(
      `${PURPOSE} within ${this.#options.most} instructions`,
      await lookAt(this.#vcpu, this.#stage),
    );
  }

  #look(): Promise<Registers> {
    return this.#stage.gdb.readRegisters(this.#vcpu);
  }

  /** The two things that the stub does not tell: the IDT, and whether this is 64-bit code. */
  async #readMode(): Promise<void> {
    const registers = readRegisters(await this.#stage.monitor('info registers -a'));
    const own = registers.find(({ index }) => index === this.#vcpu);
    this.#bits = own?.codeIs64Bit === true ? 64 : 32;
    this.#idt = await readIdt(registers, this.#vcpu, this.#stage.gdb);
  }

  /** A handler in the kernel's own mapping, after code that ran outside of any: that is the second kernel. */
  #isOwnIdt({ rip }: Registers): boolean {
    this.#jumped ||= rip < KERNEL_IMAGE;
    return this.#jumped && rip >= KERNEL_IMAGE && this.#idt?.nmiGate.startsWith('0x') === true;
  }

  /** Executes what stands at RIP, as one step of the walk. */
  async #goOn(instruction: Disassembled, registers: Registers, callees: Callees): Promise<Went> {
    const { flow } = instruction;
    if (flow === 'other' || (flow === 'call' && (await callees.follows(instruction, registers)))) {
      await stepOnce(this.#vcpu, this.#stage, { registers, purpose: PURPOSE });
      if (instruction.mnemonic === 'lidt') await this.#readMode();
      return { went: 'step' };
    }
    const bounds = { bits: this.#bits, untilMs: this.#untilMs, patienceMs: PATIENCE_MS, purpose: PURPOSE };
    const begunMs = performance.now();
    const by = await stepOver(this.#vcpu, this.#stage, { instruction, registers, ...bounds });
    const tookMs = Math.round(performance.now() - begunMs);
    await this.#readMode();
    return { went: 'over', tookMs, ...(by === 'watch' ? { noticed: by } : {}) };
  }

  #record(
    instruction: Disassembled,
    went: Went,
    { idt, registers, label }: { idt: Idt | undefined; registers: Registers; label: string },
  ): void {
    const { cr3, rsi, rdi } = registers;
    const copies = instruction.flow === 'repeat' && instruction.mnemonic.startsWith('movs');
    this.#part.push({
      at: `0x${instruction.address.toString(16)}`,
      label,
      text: instruction.text,
      ...went,
      ...(idt === undefined || sameIdt(idt, this.#lastIdt) ? {} : { idt }),
      ...(copies ? { copies: { from: `0x${rsi.toString(16)}`, to: `0x${rdi.toString(16)}` } } : {}),
      ...(cr3 === this.#lastCr3 ? {} : { cr3: `0x${cr3.toString(16)}` }),
    });
    this.#lastIdt = idt;
    this.#lastCr3 = cr3;
    if (this.#part.length >= PART) this.flush();
  }
}

function sameIdt(one: Idt, other: Idt | undefined): boolean {
  return one.base === other?.base && one.limit === other.limit && one.nmiGate === other.nmiGate;
}
