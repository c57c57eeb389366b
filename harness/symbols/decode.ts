import type { Instruction as IcedInstruction } from 'iced-x86';
import { iced } from './iced.js';

/** An instruction's effect on the flow of control. `other` continues with the next instruction. */
export type InstructionKind =
  | 'call'
  | 'call-indirect'
  | 'jump'
  | 'conditional-jump'
  | 'jump-indirect'
  | 'return'
  | 'trap'
  | 'other';

/** One decoded instruction of 1 to 15 bytes. */
export interface Instruction {
  readonly address: bigint;
  readonly length: number;
  readonly kind: InstructionKind;
  /** Lower case, without suffix: `mov`, `lidt`. */
  readonly mnemonic: string;
  /** Where a direct call or jump goes. */
  readonly target?: bigint;
  /** The pointer's address of a `call *x(%rip)` or `jmp *x(%rip)`, as paravirt calls have it. */
  readonly slot?: bigint;
  /** It is `endbr64`, a `nop` of any length, or neither. */
  readonly shape?: 'endbr' | 'nop';
}

/** Decodes single instructions out of one buffer; `free` releases the decoder's memory. */
export interface InstructionReader {
  /** The instruction at a byte offset, or undefined when the bytes are invalid or the buffer ends inside it. */
  at(offset: number): Instruction | undefined;
  free(): void;
}

/** A reader of 64-bit code at `address`. */
export function readInstructions(bytes: Uint8Array, address: bigint): InstructionReader {
  const { Decoder, DecoderOptions, Instruction: Scratch } = iced();
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const scratch = new Scratch();
  return {
    at: (offset) => {
      if (offset < 0 || offset >= bytes.length) return undefined;
      decoder.position = offset;
      decoder.ip = BigInt.asUintN(64, address + BigInt(offset));
      decoder.decodeOut(scratch);
      return scratch.isInvalid ? undefined : describe(scratch);
    },
    free: () => {
      scratch.free();
      decoder.free();
    },
  };
}

function describe(from: IcedInstruction): Instruction {
  const { Mnemonic } = iced();
  const mnemonic = (Mnemonic[from.mnemonic] ?? '').toLowerCase();
  const plain = { address: from.ip, length: from.length, kind: kindOf(from), mnemonic };
  if (from.isCallNear || from.isJmpShortOrNear || from.isJccShortOrNear) {
    return { ...plain, target: from.nearBranchTarget };
  }
  if ((from.isCallNearIndirect || from.isJmpNearIndirect) && from.isIpRelMemoryOperand) {
    return { ...plain, slot: from.ipRelMemoryAddress };
  }
  if (from.mnemonic === Mnemonic.Endbr64) return { ...plain, shape: 'endbr' };
  if (from.mnemonic === Mnemonic.Nop) return { ...plain, shape: 'nop' };
  return plain;
}

function kindOf(from: IcedInstruction): InstructionKind {
  const { FlowControl, Mnemonic } = iced();
  switch (from.flowControl) {
    case FlowControl.Call:
      // iced-x86 counts syscall and sysenter as calls, although they push no return address.
      return from.isCallNear || from.isCallFar ? 'call' : 'other';
    case FlowControl.IndirectCall:
      return 'call-indirect';
    case FlowControl.UnconditionalBranch:
      return 'jump';
    case FlowControl.ConditionalBranch:
      return 'conditional-jump';
    case FlowControl.IndirectBranch:
      return 'jump-indirect';
    case FlowControl.Return:
      return 'return';
    case FlowControl.Exception:
      return 'trap';
    case FlowControl.Interrupt:
      return from.mnemonic === Mnemonic.Int3 ? 'trap' : 'other';
    case FlowControl.Next:
    case FlowControl.XbeginXabortXend:
      return 'other';
  }
}
