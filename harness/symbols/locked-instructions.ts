import type { Instruction as IcedInstruction, Register } from 'iced-x86';
import type { FunctionCode } from './function-code.js';
import { iced } from './iced.js';
import { GENERAL, type General } from './operations.js';

/** Widths of an operand in memory. */
const WIDTHS = [1, 2, 4, 8] as const;
export type Width = (typeof WIDTHS)[number];

/** What an instruction does to a word in memory in one step that no other CPU can interrupt. */
export interface LockedOperation {
  /** Lower case: `cmpxchg`, `bts`, `xchg`. */
  readonly mnemonic: string;
  readonly bytes: Width;
  /** The operand that is no memory: a register, by its 64-bit name, or a constant. */
  readonly source?: { readonly register: General } | { readonly value: bigint };
}

/** A locked instruction of a function. */
export interface LockedInstruction extends LockedOperation {
  /** From the function's first byte. */
  readonly offset: number;
  /** False: neither the flags nor the register that it leaves are read afterwards. */
  readonly used: boolean;
}

/** The locked operation that begins at the start of `bytes`, 64-bit code; undefined for any other instruction. */
export function lockedOperation(bytes: Uint8Array): LockedOperation | undefined {
  const { Decoder, DecoderOptions, Instruction } = iced();
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const read = new Instruction();
  try {
    decoder.decodeOut(read);
    return read.isInvalid ? undefined : operationOf(read);
  } finally {
    read.free();
    decoder.free();
  }
}

/** The locked instructions of a decoded function, by offset. `bytes` are the function's. */
export function lockedInstructions(code: FunctionCode, bytes: Uint8Array): LockedInstruction[] {
  const { Decoder, DecoderOptions, Instruction, InstructionInfoFactory } = iced();
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const read = new Instruction();
  const factory = new InstructionInfoFactory();
  const decode = (offset: number): IcedInstruction => {
    decoder.position = offset;
    decoder.decodeOut(read);
    return read;
  };
  try {
    const offsets = code.instructions.map(({ address }) => Number(address - code.address));
    return offsets.flatMap((offset, index) => {
      const operation = operationOf(decode(offset));
      if (operation === undefined) return [];
      const following = offsets.slice(index + 1, index + 1 + MOST_FOLLOWING);
      return [{ ...operation, offset, used: isUsed(operation, following, { decode, factory }) }];
    });
  } finally {
    factory.free();
    read.free();
    decoder.free();
  }
}

/** Instructions after a locked one in which a use of its result is looked for; without one it counts as used. */
const MOST_FOLLOWING = 16;

/**
 * `lock addl $0,-4(%rsp)`, a full memory barrier, has no word that another CPU uses (arch/x86/include/asm/barrier.h, v6.1).
 * `xchg` with memory locks without a prefix (Intel SDM volume 3, 9.1.2.1).
 */
function operationOf(read: IcedInstruction): LockedOperation | undefined {
  const { MemorySizeExt, Mnemonic, OpKind, Register } = iced();
  const inMemory = Array.from({ length: read.opCount }, (_, at) => read.opKind(at)).indexOf(OpKind.Memory);
  if (inMemory < 0 || (!read.hasLockPrefix && read.mnemonic !== Mnemonic.Xchg)) return undefined;
  if (read.memoryBase === Register.RSP) return undefined;
  const size = MemorySizeExt.size(read.memorySize);
  // cmpxchg8b and cmpxchg16b have pairs of registers as operands.
  const bytes = WIDTHS.find((width) => width === size);
  if (bytes === undefined || read.mnemonic === Mnemonic.Cmpxchg8b) return undefined;
  const mnemonic = (Mnemonic[read.mnemonic] ?? '').toLowerCase();
  const other = read.opCount < 2 ? undefined : sourceOf(read, 1 - inMemory);
  return { mnemonic, bytes, ...(other === undefined ? {} : { source: other }) };
}

function sourceOf(read: IcedInstruction, operand: number): LockedOperation['source'] {
  const { OpKind } = iced();
  const kind = read.opKind(operand);
  if (kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64) return { value: read.immediate(operand) };
  const register = kind === OpKind.Register ? generalOf(read.opRegister(operand)) : undefined;
  return register === undefined ? undefined : { register };
}

/** The 64-bit name of a general register or its low part; undefined for others, AH among them. */
function generalOf(register: Register): General | undefined {
  const { Register, RegisterExt } = iced();
  if ([Register.AH, Register.BH, Register.CH, Register.DH].includes(register)) return undefined;
  const name = (Register[RegisterExt.fullRegister(register)] ?? '').toLowerCase();
  return GENERAL.find((known) => known === name);
}

/** Registers in which the old value is left. */
function resultOf({ mnemonic, source }: LockedOperation): General | undefined {
  if (mnemonic === 'cmpxchg') return 'rax';
  if (mnemonic !== 'xchg' && mnemonic !== 'xadd') return undefined;
  return source !== undefined && 'register' in source ? source.register : undefined;
}

interface Reading {
  readonly decode: (offset: number) => IcedInstruction;
  readonly factory: InstanceType<ReturnType<typeof iced>['InstructionInfoFactory']>;
}

/**
 * Whether the result of an operation is read, in line: its flags, or the old value. It is not, only where both are
 * overwritten first; what cannot be followed counts as used.
 */
function isUsed(
  operation: LockedOperation,
  following: readonly number[],
  { decode, factory }: Reading,
): boolean {
  const { FlowControl, OpAccess, RflagsBits } = iced();
  const result = resultOf(operation);
  // xchg changes no flag.
  let flags = operation.mnemonic === 'xchg' ? 0 : RflagsBits.ZF | RflagsBits.CF | RflagsBits.SF;
  let register = result !== undefined;
  for (const offset of following) {
    if (flags === 0 && !register) return false;
    const read = decode(offset);
    if ((read.rflagsRead & flags) !== 0) return true;
    const accesses = accessesOf(read, { register: result, factory });
    const overwrites = new Set<number>([OpAccess.Write]);
    if (register && accesses.some((access) => !overwrites.has(access))) return true;
    // A function's result is what it leaves in RAX.
    if (read.flowControl === FlowControl.Return) return register && result === 'rax';
    // A call leaves neither flags nor, in the register of its own result, what was there.
    if (read.flowControl === FlowControl.Call && (!register || result === 'rax')) return false;
    if (read.flowControl !== FlowControl.Next) return true;
    flags &= ~read.rflagsModified;
    if (accesses.length > 0) register = false;
  }
  return true;
}

/** How an instruction touches a register; `xor %eax,%eax` only writes it. */
function accessesOf(
  read: IcedInstruction,
  { register, factory }: { register: General | undefined; factory: Reading['factory'] },
): number[] {
  if (register === undefined) return [];
  const info = factory.info(read);
  const accesses = info.usedRegisters().flatMap((used) => {
    const mine = generalOf(used.register) === register ? [used.access] : [];
    used.free();
    return mine;
  });
  info.free();
  return accesses;
}
