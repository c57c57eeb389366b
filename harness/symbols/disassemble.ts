import type { Instruction as IcedInstruction } from 'iced-x86';
import { iced } from './iced.js';

/** One instruction as text, and what a trace needs to know about it. */
export interface Disassembled {
  readonly address: bigint;
  /** Bytes. */
  readonly length: number;
  /** AT&T syntax, as the kernel's own oopses have it; direct branches name their target. */
  readonly text: string;
  /** Lower case, without suffix: `lidt`. */
  readonly mnemonic: string;
  /**
   * `call` pushes a return address and is expected to return; `repeat` is a string instruction with a REP prefix, of
   * which a single step executes one iteration; `other` is executed by one step.
   */
  readonly flow: 'call' | 'repeat' | 'other';
  /** Where a direct call or jump goes. */
  readonly target?: bigint;
  /** The pointer's address of a `call *x(%rip)`. */
  readonly slot?: bigint;
  /** The register of a `call *%rax`, lower case. */
  readonly register?: string;
  /** Its operand in memory, where it has one. */
  readonly memory?: MemoryOperand;
}

/** The address of an operand: base of the segment + base + index * scale + displacement. Registers are lower case. */
export interface MemoryOperand {
  /** Only those that have a base in 64-bit mode. */
  readonly segment?: 'fs' | 'gs';
  readonly base?: string;
  readonly index?: string;
  readonly scale: number;
  /** RIP-relative operands have their whole address here, and no base. */
  readonly displacement: bigint;
}

/**
 * The instruction at the start of `bytes`, as a vCPU in 64-bit or 32-bit mode decodes it; undefined when the bytes are
 * invalid or end inside it. `nameOf` names addresses of code.
 */
export function disassemble(
  bytes: Uint8Array,
  { address, bits, nameOf }: { address: bigint; bits: 64 | 32; nameOf: (address: bigint) => string },
): Disassembled | undefined {
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax, Instruction, Mnemonic, OpKind, Register } =
    iced();
  const decoder = new Decoder(bits, bytes, DecoderOptions.None);
  const formatter = new Formatter(FormatterSyntax.Gas);
  const read = new Instruction();
  try {
    decoder.ip = address;
    decoder.decodeOut(read);
    if (read.isInvalid) return undefined;
    const mnemonic = (Mnemonic[read.mnemonic] ?? '').toLowerCase();
    const repeats = read.isStringInstruction && (read.hasRepPrefix || read.hasRepnePrefix);
    const calls = read.isCallNear || read.isCallNearIndirect;
    const plain = {
      address,
      length: read.length,
      mnemonic,
      flow: calls ? ('call' as const) : repeats ? ('repeat' as const) : ('other' as const),
      ...memoryOf(read),
    };
    if (read.isCallNear || read.isJmpShortOrNear || read.isJccShortOrNear) {
      const target = read.nearBranchTarget;
      return { ...plain, text: `${mnemonic} ${nameOf(target)}`, target };
    }
    formatter.uppercaseHex = false;
    const text = formatter.format(read).replace(/\s+/g, ' ');
    if (!read.isCallNearIndirect) return { ...plain, text };
    if (read.isIpRelMemoryOperand) return { ...plain, text, slot: read.ipRelMemoryAddress };
    return read.op0Kind === OpKind.Register
      ? { ...plain, text, register: (Register[read.op0Register] ?? '').toLowerCase() }
      : { ...plain, text };
  } finally {
    read.free();
    formatter.free();
    decoder.free();
  }
}

function memoryOf(read: IcedInstruction): { readonly memory?: MemoryOperand } {
  const { OpKind, Register } = iced();
  const inMemory = Array.from({ length: read.opCount }, (_, at) => read.opKind(at)).includes(OpKind.Memory);
  if (!inMemory) return {};
  const named = (register: IcedInstruction['memoryBase']) =>
    register === Register.None ? undefined : (Register[register] ?? '').toLowerCase();
  const segment = named(read.memorySegment);
  const base = read.isIpRelMemoryOperand ? undefined : named(read.memoryBase);
  const index = named(read.memoryIndex);
  return {
    memory: {
      ...(segment === 'fs' || segment === 'gs' ? { segment } : {}),
      ...(base === undefined ? {} : { base }),
      ...(index === undefined ? {} : { index }),
      scale: read.memoryIndexScale,
      displacement: read.isIpRelMemoryOperand ? read.ipRelMemoryAddress : read.memoryDisplacement,
    },
  };
}
