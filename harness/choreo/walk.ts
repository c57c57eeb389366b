import type { Idt, Walked } from '../model/record.js';
import {
  GdbError,
  GdbRemoteError,
  GdbTimeoutError,
  REGISTER_NAMES,
  type Registers,
} from '../qemu/gdbstub/index.js';
import { disassemble, type Disassembled, findAhead, finishReadingAsync } from '../symbols/index.js';
import { readIdt, runs64Bit } from './idt.js';
import { KERNEL_IMAGE, KnownCode } from './known-code.js';
import { lookAt } from './look.js';
import { NotReached, type WalkStage } from './stage.js';

/** Where a walk goes in, and when it gives up. */
export interface WalkOptions {
  /** Functions that are walked through; other calls are one step. */
  readonly into: ReadonlySet<string>;
  /** Instructions. */
  readonly most: number;
  readonly withinMs: number;
}

const MAX_INSTRUCTION_BYTES = 15;
const PAGE_BYTES = 4096n;
/** Instructions in one record. */
const PART = 128;
/** A stub may stop once more where it stood. */
const STEP_ATTEMPTS = 4;
/**
 * How long a call may take with a breakpoint at every `lidt` found in it. TCG translates one instruction at a time on
 * a page that has a breakpoint (accel/tcg/cpu-exec.c, 7.2): a decompression that is on such a page never ends.
 */
const LIDT_STOPS_MS = 8000;
/**
 * How far a call is searched for `lidt`s before it is stepped over. The crashed kernel is far too wide to search, and
 * loads its empty IDT in machine_kexec() or one or two calls below it (arch/x86/kernel/machine_kexec_64.c, 5.10 and
 * 6.1); in the capture kernel's decompressor it is extract_kernel() -> cleanup_exception_handling(), in the kernel
 * x86_64_start_kernel() -> idt_setup_early_handler() -> native_load_idt() (arch/x86, 6.1).
 */
const SEARCH = { crashed: { depth: 2, most: 1500 }, capture: { depth: 4, most: 20_000 } } as const;

/** A call that is being stepped over. */
interface Frame {
  readonly returnAddress: bigint;
  /** RSP after the return. */
  readonly rsp: bigint;
  readonly lidts: readonly bigint[];
}

/**
 * Walks a stopped vCPU, all others held, until the capture kernel has an IDT of its own with a gate for the NMI; every
 * instruction that it stood at is recorded with the IDT that an NMI would have met there. A call is gone over as one
 * step, except that every `lidt` found in it is stopped at. Returns how many instructions were recorded. Throws NotReached when the
 * end does not come within the bounds, or the guest dies.
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
  readonly #lidtsIn = new Map<bigint, readonly bigint[]>();
  #part: Walked[] = [];
  #written = 0;
  #frame: Frame | undefined;
  /** The CR3 that the walk began with: the crashed kernel's. */
  #crashedCr3: bigint | undefined;
  #lastIdt: Idt | undefined;
  #lastCr3: bigint | undefined;
  #lastCs: bigint | undefined;
  #bits: 64 | 32 = 64;
  #idt: Idt | undefined;
  #known: KnownCode | undefined;
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
    this.#crashedCr3 = registers.cr3;
    this.#known = await KnownCode.read(this.#vcpu, this.#stage);
    while (this.count < this.#options.most) {
      if (registers.cs !== this.#lastCs) await this.#readMode();
      this.#lastCs = registers.cs;
      const before = { idt: this.#idt, registers };
      const { instruction, code } = await this.#instructionAt(registers);
      const label = this.#known.label(registers, code);
      const ends = this.#isOwnIdt(registers);
      const went = ends ? 'step' : await this.#goOn(instruction, registers);
      this.#record(instruction, went, { ...before, label });
      if (ends) return;
      registers = await this.#look();
    }
    throw new NotReached(
      `walk to the capture kernel's own IDT within ${this.#options.most} instructions`,
      await lookAt(this.#vcpu, this.#stage),
    );
  }

  #look(): Promise<Registers> {
    return this.#stage.gdb.readRegisters(this.#vcpu);
  }

  /** The two things that the stub does not tell: the IDT, and whether this is 64-bit code. */
  async #readMode(): Promise<void> {
    const text = await this.#stage.monitor('info registers -a');
    this.#bits = runs64Bit(text, this.#vcpu) ? 64 : 32;
    this.#idt = await readIdt(text, this.#vcpu, this.#stage.gdb);
  }

  /** A handler in the kernel's own mapping, after code that ran outside of any: that is the second kernel. */
  #isOwnIdt({ rip }: Registers): boolean {
    this.#jumped ||= rip < KERNEL_IMAGE;
    return this.#jumped && rip >= KERNEL_IMAGE && this.#idt?.nmiGate.startsWith('0x') === true;
  }

  async #instructionAt({ rip }: Registers): Promise<{ instruction: Disassembled; code: Buffer }> {
    const { gdb, symbols } = this.#stage;
    const toPageEnd = Number(PAGE_BYTES - (rip % PAGE_BYTES));
    // The page after the last one of a mapping need not be there.
    for (const length of new Set([Math.min(MAX_INSTRUCTION_BYTES, toPageEnd), MAX_INSTRUCTION_BYTES])) {
      let bytes: Buffer;
      try {
        bytes = await gdb.readMemory(rip, length, { vcpu: this.#vcpu });
      } catch (error) {
        if (error instanceof GdbRemoteError) break;
        throw error;
      }
      const instruction = disassemble(bytes, {
        address: rip,
        bits: this.#bits,
        nameOf: (address) => symbols.label(address).replace(/\+0x0\/.*/, ''),
      });
      if (instruction !== undefined) return { instruction, code: bytes };
    }
    throw new NotReached(
      `read the instruction at 0x${rip.toString(16)}`,
      await lookAt(this.#vcpu, this.#stage),
    );
  }

  /** Executes what stands at RIP, as one step of the walk. */
  async #goOn(instruction: Disassembled, registers: Registers): Promise<Walked['went']> {
    const frame = this.#frame;
    if (frame !== undefined && instruction.mnemonic !== 'lidt') {
      await this.#runInside(frame);
      return 'run';
    }
    const after = registers.rip + BigInt(instruction.length);
    if (instruction.flow === 'repeat') {
      await this.#runTo({ returnAddress: after, rsp: registers.rsp, lidts: [] });
      return 'over';
    }
    // A call of the next instruction only asks where it is (decompressor: `call 1f; 1: pop`).
    if (instruction.flow === 'call' && instruction.target !== after) {
      const callee = await this.#calleeOf(instruction, registers);
      if (!this.#isThunk(instruction) && (callee === undefined || !this.#goesInto(callee))) {
        const lidts = callee === undefined ? [] : await this.#lidtsOf(callee, registers);
        return this.#runInside({ returnAddress: after, rsp: registers.rsp, lidts });
      }
    }
    await this.#step(registers);
    if (instruction.mnemonic === 'lidt') await this.#readMode();
    return 'step';
  }

  /** One instruction; a step that only delivered what was pending to the debugger did not execute it. */
  async #step({ rip, rsp }: Registers): Promise<void> {
    for (let attempt = 0; attempt < STEP_ATTEMPTS; attempt += 1) {
      const stop = await this.#stage.gdb.step(this.#vcpu);
      if (stop.reason.kind !== 'trap') await this.#lost(`the guest stopped: ${stop.reason.kind}`);
      const now = await this.#look();
      if (now.rip !== rip || now.rsp !== rsp) return;
    }
    await this.#lost(`the instruction did not advance in ${STEP_ATTEMPTS} steps`);
  }

  async #runInside(frame: Frame): Promise<'over' | 'run'> {
    const returned = await this.#runTo(frame);
    this.#frame = returned ? undefined : frame;
    return returned ? 'over' : 'run';
  }

  /**
   * Runs until the call has returned (true), or one of the `lidt`s in it is next (false). A call that is too slow with
   * stops at its `lidt`s goes on without: a change of the IDT is then seen after its return, and lies inside it.
   */
  async #runTo(frame: Frame): Promise<boolean> {
    try {
      const untilMs = Math.min(this.#untilMs, performance.now() + LIDT_STOPS_MS);
      const stopped =
        frame.lidts.length === 0 ? undefined : await this.#runToAny(frame, { lidts: frame.lidts, untilMs });
      return (
        stopped ??
        (await this.#runToAny(frame, { lidts: [], untilMs: this.#untilMs })) ??
        (await this.#late(frame))
      );
    } finally {
      await this.#readMode();
    }
  }

  /** As above; undefined when the time is up, the vCPU standing anywhere. */
  async #runToAny(
    frame: Frame,
    { lidts, untilMs }: { lidts: readonly bigint[]; untilMs: number },
  ): Promise<boolean | undefined> {
    const { gdb } = this.#stage;
    const places = [frame.returnAddress, ...lidts];
    for (const place of places) await gdb.setBreakpoint(place, 'hardware');
    try {
      for (;;) {
        await gdb.continueVcpus([this.#vcpu]);
        const stop = await gdb.waitForStop({ deadlineMs: Math.max(1, untilMs - performance.now()) });
        if (stop.reason.kind !== 'trap') await this.#lost(`the guest stopped: ${stop.reason.kind}`);
        const { rip, rsp } = await this.#look();
        if (rip === frame.returnAddress && rsp === frame.rsp) return true;
        if (lidts.includes(rip)) return false;
        // The same place further down the stack: the function calls itself.
        await gdb.removeBreakpoint(rip, 'hardware');
        await gdb.step(this.#vcpu);
        await gdb.setBreakpoint(rip, 'hardware');
      }
    } catch (error) {
      if (!(error instanceof GdbTimeoutError)) throw error;
      await gdb.interrupt();
      return undefined;
    } finally {
      for (const place of places) await gdb.removeBreakpoint(place, 'hardware').catch(ignoreGone);
    }
  }

  #late({ returnAddress }: Frame): Promise<never> {
    return this.#lost(`0x${returnAddress.toString(16)} was not reached in ${this.#options.withinMs} ms`);
  }

  async #lost(why: string): Promise<never> {
    throw new NotReached(
      `walk to the capture kernel's own IDT`,
      `${why}; ${await lookAt(this.#vcpu, this.#stage)}`,
    );
  }

  /** A retpoline thunk's own call never comes back: it replaces its return address (arch/x86/lib/retpoline.S). */
  #isThunk({ address, target }: Disassembled): boolean {
    const { symbols } = this.#stage;
    const inside = target === undefined ? undefined : symbols.at(target)?.symbol;
    return (
      inside?.name.startsWith('__x86_indirect_thunk_') === true && symbols.at(address)?.symbol === inside
    );
  }

  async #calleeOf(
    { target, slot, register }: Disassembled,
    registers: Registers,
  ): Promise<bigint | undefined> {
    const place = target === undefined ? undefined : this.#stage.symbols.at(target);
    const names = place === undefined ? [] : [place.symbol, ...place.aliases].map(({ name }) => name);
    const thunk = names.map((name) => /^__x86_indirect_thunk_(r\w+)$/.exec(name)?.[1]).find(isKnown);
    const through = REGISTER_NAMES.find((name) => name === (register ?? thunk));
    if (through !== undefined) return registers[through];
    if (target !== undefined) return target;
    if (slot === undefined) return undefined;
    return (await this.#stage.gdb.readMemory(slot, 8, { vcpu: this.#vcpu })).readBigUInt64LE(0);
  }

  #goesInto(callee: bigint): boolean {
    const place = this.#stage.symbols.at(callee);
    if (place?.offset !== 0) return false;
    return [place.symbol, ...place.aliases].some(({ name }) => this.#options.into.has(name));
  }

  async #lidtsOf(callee: bigint, { cr3 }: Registers): Promise<readonly bigint[]> {
    const known = this.#lidtsIn.get(callee);
    // In the decompressor a function may be called before and after it was moved: addresses differ then.
    if (known !== undefined) return known;
    const bounds = cr3 === this.#crashedCr3 ? SEARCH.crashed : SEARCH.capture;
    const found = await finishReadingAsync(findAhead(callee, 'lidt', bounds), async ({ address, length }) => {
      try {
        return await this.#stage.gdb.readMemory(address, length, { vcpu: this.#vcpu });
      } catch (error) {
        if (error instanceof GdbRemoteError) return undefined;
        throw error;
      }
    });
    this.#lidtsIn.set(callee, found);
    return found;
  }

  #record(
    instruction: Disassembled,
    went: Walked['went'],
    { idt, registers, label }: { idt: Idt | undefined; registers: Registers; label: string },
  ): void {
    const { cr3, rsi, rdi } = registers;
    const copies = instruction.flow === 'repeat' && instruction.mnemonic.startsWith('movs');
    this.#part.push({
      at: `0x${instruction.address.toString(16)}`,
      label,
      text: instruction.text,
      went,
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

function isKnown(name: string | undefined): boolean {
  return name !== undefined;
}

/** QEMU may be gone while breakpoints are taken back; what ended the walk says so. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof GdbError)) throw error;
}
