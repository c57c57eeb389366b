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
