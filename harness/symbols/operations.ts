import type { Instruction as IcedInstruction } from 'iced-x86';
import { iced } from './iced.js';

/** The general registers, by their 64-bit names. */
export const GENERAL = [
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'rbp',
  'rsp',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;
export type General = (typeof GENERAL)[number];

/** The address of an operand in memory; undefined where it has an index or a segment with a base. */
export interface Place {
  readonly base: General | undefined;
  readonly displacement: bigint;
}

/** What an instruction does to whole general registers and to memory; what is not followed is a `clobber`. */
export type Operation =
  | { readonly op: 'copy'; readonly to: General; readonly from: General }
  | { readonly op: 'constant'; readonly to: General; readonly value: bigint }
  | { readonly op: 'address'; readonly to: General; readonly of: Place }
  | { readonly op: 'load'; readonly to: General; readonly from: Place }
  | {
      readonly op: 'store';
      readonly to: Place | undefined;
      readonly from: General | undefined;
      readonly bytes: number;
      /** The constant 0 is stored. */
      readonly zero: boolean;
    }
  | { readonly op: 'add'; readonly to: General; readonly by: bigint }
  | { readonly op: 'push'; readonly from: General | undefined }
  | { readonly op: 'pop'; readonly to: General | undefined }
  | { readonly op: 'leave' }
  | { readonly op: 'clobber'; readonly registers: readonly General[] };

/** The operations of 64-bit instructions that start at these offsets of `bytes`, in the same order. */
export function operationsAt(
  { bytes, address }: { readonly bytes: Uint8Array; readonly address: bigint },
  offsets: readonly number[],
): readonly (readonly Operation[])[] {
  const { Decoder, DecoderOptions, Instruction, InstructionInfoFactory } = iced();
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const read = new Instruction();
  const factory = new InstructionInfoFactory();
  try {
    return offsets.map((offset) => {
      decoder.position = offset;
      decoder.ip = BigInt.asUintN(64, address + BigInt(offset));
      decoder.decodeOut(read);
      return followed(read) ?? clobbered(read, factory);
    });
  } finally {
    factory.free();
    read.free();
    decoder.free();
  }
}

const QUAD = 8;

/** The instructions that compilers use to move, save and compute addresses. */
function followed(read: IcedInstruction): readonly Operation[] | undefined {
  const { Mnemonic } = iced();
  const { mnemonic } = read;
  const to = whole(read, 0);
  if (mnemonic === Mnemonic.Mov) return moved(read);
  if (mnemonic === Mnemonic.Lea) {
    const place = placeOf(read);
    return to === undefined || place === undefined ? undefined : [{ op: 'address', to, of: place }];
  }
  if (mnemonic === Mnemonic.Add || mnemonic === Mnemonic.Sub) {
    if (to === undefined || !isImmediate(read, 1)) return undefined;
    const by = BigInt.asIntN(64, read.immediate(1));
    return [{ op: 'add', to, by: mnemonic === Mnemonic.Add ? by : -by }];
  }
  if (mnemonic === Mnemonic.Xor) return zeroed(read);
  if (mnemonic === Mnemonic.Push && read.stackPointerIncrement === -QUAD) return [{ op: 'push', from: to }];
  if (mnemonic === Mnemonic.Pop && read.stackPointerIncrement === QUAD) return [{ op: 'pop', to }];
  return mnemonic === Mnemonic.Leave ? [{ op: 'leave' }] : undefined;
}

function moved(read: IcedInstruction): readonly Operation[] | undefined {
  const { OpKind } = iced();
  const [to, from] = [whole(read, 0), whole(read, 1)];
  if (to !== undefined && from !== undefined) return [{ op: 'copy', to, from }];
  if (read.op0Kind === OpKind.Memory) return [storeOf(read, from)];
  if (to === undefined || read.op1Kind !== OpKind.Memory) return constantOf(read);
  const place = placeOf(read);
  return place === undefined ? undefined : [{ op: 'load', to, from: place }];
}

/** `xor %eax,%eax`; `xor %al,%al` clears a part only. */
function zeroed(read: IcedInstruction): readonly Operation[] | undefined {
  const { OpKind, RegisterExt } = iced();
  const isSame =
    read.op0Kind === OpKind.Register &&
    read.op1Kind === OpKind.Register &&
    read.op0Register === read.op1Register;
  const whole32 = isSame && RegisterExt.size(read.op0Register) >= 4;
  const to = whole32 ? general(read.op0Register) : undefined;
  return to === undefined ? undefined : [{ op: 'constant', to, value: 0n }];
}

function constantOf(read: IcedInstruction): readonly Operation[] | undefined {
  const { OpKind, RegisterExt } = iced();
  if (read.op0Kind !== OpKind.Register || !isImmediate(read, 1)) return undefined;
  // A write to a 32-bit register clears the upper half; one to a smaller part keeps the rest.
  if (RegisterExt.size(read.op0Register) < 4) return undefined;
  const to = general(read.op0Register);
  return to === undefined
    ? undefined
    : [{ op: 'constant', to, value: BigInt.asUintN(64, read.immediate(1)) }];
}

function storeOf(read: IcedInstruction, from: General | undefined): Operation {
  const { MemorySizeExt } = iced();
  const zero = isImmediate(read, 1) && read.immediate(1) === 0n;
  return { op: 'store', to: placeOf(read), from, bytes: MemorySizeExt.size(read.memorySize), zero };
}

/** Whatever else an instruction writes: registers, and memory at an address that may be known. */
function clobbered(
  read: IcedInstruction,
  factory: InstanceType<ReturnType<typeof iced>['InstructionInfoFactory']>,
): readonly Operation[] {
  const { OpAccess, MemorySizeExt } = iced();
  const writes = new Set([OpAccess.Write, OpAccess.CondWrite, OpAccess.ReadWrite, OpAccess.ReadCondWrite]);
  const info = factory.info(read);
  const registers = new Set<General>();
  for (const used of info.usedRegisters()) {
    const name = writes.has(used.access) ? general(used.register) : undefined;
    if (name !== undefined) registers.add(name);
    used.free();
  }
  const stores: Operation[] = [];
  for (const used of info.usedMemory()) {
    if (writes.has(used.access)) {
      const bytes = MemorySizeExt.size(used.memorySize);
      stores.push({ op: 'store', to: placeOf(read), from: undefined, bytes, zero: false });
    }
    used.free();
  }
  info.free();
  return [...stores, { op: 'clobber', registers: [...registers] }];
}

function placeOf(read: IcedInstruction): Place | undefined {
  const { Register } = iced();
  if (read.memorySegment === Register.GS || read.memorySegment === Register.FS) return undefined;
  if (read.isIpRelMemoryOperand) return { base: undefined, displacement: read.ipRelMemoryAddress };
  if (read.memoryIndex !== Register.None) return undefined;
  const displacement = read.memoryDisplacement;
  if (read.memoryBase === Register.None)
    return { base: undefined, displacement: BigInt.asUintN(64, displacement) };
  const base = general(read.memoryBase);
  return base === undefined ? undefined : { base, displacement: BigInt.asIntN(64, displacement) };
}

function isImmediate(read: IcedInstruction, operand: number): boolean {
  const { OpKind } = iced();
  if (operand >= read.opCount) return false;
  const kind = read.opKind(operand);
  return kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64;
}

/** A 64-bit register operand. */
function whole(read: IcedInstruction, operand: number): General | undefined {
  const { OpKind, RegisterExt } = iced();
  if (operand >= read.opCount || read.opKind(operand) !== OpKind.Register) return undefined;
  const register = read.opRegister(operand);
  return RegisterExt.size(register) === QUAD ? general(register) : undefined;
}

const names = new Map<number, General | undefined>();

/** The 64-bit name of a general register or a part of one. */
function general(register: number): General | undefined {
  if (!names.has(register)) {
    const { Register, RegisterExt } = iced();
    const name = (Register[RegisterExt.fullRegister(register)] ?? '').toLowerCase();
    names.set(
      register,
      GENERAL.find((one) => one === name),
    );
  }
  return names.get(register);
}
