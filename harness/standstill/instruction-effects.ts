import type { Instruction as Iced, Register, UsedMemory } from 'iced-x86';
import type { Registers } from '../machine/debugger.js';
import { iced } from '../symbols/index.js';
import { instructionTables } from './instruction-tables.js';

/** Bytes of memory, by virtual address. */
export interface Access {
  readonly address: bigint;
  readonly length: number;
}

/** What one instruction does besides changing registers that a debugger shows. */
export interface Effects {
  /** AT&T syntax. */
  readonly text: string;
  readonly length: number;
  readonly reads: readonly Access[];
  readonly writes: readonly Access[];
  /** Where the next instruction is when no exception occurs; undefined for an indirect branch and a return. */
  readonly next: readonly bigint[] | undefined;
  /** The change of RSP by a branch. */
  readonly stackBytes: bigint;
  /** Why the instruction depends on more than registers and memory, or acts on more; undefined for a plain one. */
  readonly outside?: Outside;
}

/** `time`: it sees time pass or a device; `acts`: it does more than computing; `unknown`: it is not judged. */
export interface Outside {
  readonly kind: 'time' | 'acts' | 'unknown';
  readonly why: string;
}

const MASK = (1n << 64n) - 1n;

/** Instructions of these features compute with registers that a debugger's general registers lack. */
const VECTOR_FEATURE = /^(?:FPU|MMX|SSE|SSSE3|AVX|AES|VAES|PCLMULQDQ|VPCLMULQDQ|SHA|FMA|F16C|GFNI)/;

/**
 * The effects of the 64-bit instruction at the start of `bytes`, which the vCPU with these registers executes next;
 * undefined when the bytes are invalid or end inside it. Whatever is not known to be plain is `outside`.
 */
export function effectsOf(bytes: Uint8Array, registers: Registers): Effects | undefined {
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax, Instruction, InstructionInfoFactory } = iced();
  const { MemorySizeExt, OpAccess } = iced();
  const { reading, writing } = instructionTables();
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const formatter = new Formatter(FormatterSyntax.Gas);
  const factory = new InstructionInfoFactory();
  const read = new Instruction();
  try {
    decoder.ip = registers.rip;
    decoder.decodeOut(read);
    if (read.isInvalid) return undefined;
    formatter.uppercaseHex = false;
    const info = factory.info(read);
    const memory = info.usedMemory();
    const reads: Access[] = [];
    const writes: Access[] = [];
    let outside = outsideOf(read);
    for (const used of memory) {
      const { access } = used;
      if (access !== OpAccess.None && access !== OpAccess.NoMemAccess) {
        const address = addressOf(used, registers);
        const length = MemorySizeExt.size(used.memorySize) || MemorySizeExt.size(read.memorySize);
        if (address === undefined || length === 0 || length > 64) {
          outside ??= { kind: 'unknown', why: 'has an operand in memory that is not decoded' };
        } else {
          if (reading.has(access)) reads.push({ address, length });
          if (writing.has(access)) writes.push({ address, length });
        }
      }
      used.free();
    }
    const effects = {
      text: formatter.format(read).replace(/\s+/g, ' '),
      length: read.length,
      reads,
      writes,
      next: nextOf(read, registers.rip),
      stackBytes: BigInt(read.stackPointerIncrement),
    };
    info.free();
    return outside === undefined ? effects : { ...effects, outside };
  } finally {
    read.free();
    factory.free();
    formatter.free();
    decoder.free();
  }
}

function outsideOf(read: Iced): Outside | undefined {
  const { CpuidFeature, Mnemonic } = iced();
  const tables = instructionTables();
  const { mnemonic } = read;
  const time = tables.time.get(mnemonic);
  if (time !== undefined) return { kind: 'time', why: time };
  const acts = tables.acts.get(mnemonic);
  if (acts !== undefined) return { kind: 'acts', why: acts };
  if (tables.plain.has(mnemonic)) return undefined;
  const name = (Mnemonic[mnemonic] ?? '').toLowerCase();
  // CR0 to CR4 and CR8 are among the registers that are compared.
  if (mnemonic === Mnemonic.Mov && isControlRegister(read.op1Register)) return undefined;
  const isPlain =
    !read.isPrivileged &&
    read.cpuidFeatures().every((feature) => tables.plainFeatures.has(feature)) &&
    tables.plainFlow.has(read.flowControl) &&
    !read.isCallFar &&
    !read.isCallFarIndirect &&
    !read.isJmpFar &&
    !read.isJmpFarIndirect &&
    !tables.farReturns.has(mnemonic);
  if (isPlain) return undefined;
  if (read.cpuidFeatures().some((feature) => VECTOR_FEATURE.test(CpuidFeature[feature] ?? '')))
    return { kind: 'acts', why: `computes with vector registers (${name})` };
  return { kind: 'unknown', why: `executes ${name}, which is not judged` };
}

function isControlRegister(register: Register): boolean {
  const { Register } = iced();
  return register >= Register.CR0 && register <= Register.CR15;
}

function nextOf(read: Iced, rip: bigint): readonly bigint[] | undefined {
  const { FlowControl } = iced();
  const following = (rip + BigInt(read.length)) & MASK;
  switch (read.flowControl) {
    case FlowControl.ConditionalBranch:
      return [following, read.nearBranchTarget];
    case FlowControl.UnconditionalBranch:
    case FlowControl.Call:
      return [read.nearBranchTarget];
    case FlowControl.IndirectBranch:
    case FlowControl.IndirectCall:
    case FlowControl.Return:
      return undefined;
    case FlowControl.Next:
    case FlowControl.Interrupt:
    case FlowControl.Exception:
    case FlowControl.XbeginXabortXend:
      // One step executes one iteration of a repeated string instruction.
      return read.hasRepPrefix || read.hasRepnePrefix ? [following, rip] : [following];
  }
}

/** In 64-bit mode only FS and GS have a base. An address relative to RIP is complete in the displacement. */
function addressOf(used: UsedMemory, registers: Registers): bigint | undefined {
  const { Register } = iced();
  const base = valueOf(used.base, registers);
  const index = valueOf(used.index, registers);
  if (base === undefined || index === undefined) return undefined;
  const segment =
    used.segment === Register.FS ? registers.fs_base : used.segment === Register.GS ? registers.gs_base : 0n;
  return (segment + base + index * BigInt(used.scale) + used.displacement) & MASK;
}

function valueOf(register: Register, registers: Registers): bigint | undefined {
  if (register === iced().Register.None) return 0n;
  const name = instructionTables().addressRegisters.get(register);
  return name === undefined ? undefined : registers[name];
}
