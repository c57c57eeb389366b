/** Bytes of a gate in long mode (Intel SDM volume 3, 6.14.1; struct gate_struct of arch/x86/include/asm/desc_defs.h). */
export const GATE_BYTES = 16;

const PRESENT = 0x80;

/** A decoded gate of the IDT. */
export interface IdtGate {
  /** Linear address of the handler. */
  readonly handler: bigint;
  readonly present: boolean;
}

/** Decodes the 16 bytes of a gate: the handler's offset is in three parts. Throws a RangeError for fewer bytes. */
export function decodeGate(bytes: Uint8Array): IdtGate {
  const gate = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    handler:
      BigInt(gate.getUint16(0, true)) |
      (BigInt(gate.getUint16(6, true)) << 16n) |
      (BigInt(gate.getUint32(8, true)) << 32n),
    present: (gate.getUint8(5) & PRESENT) !== 0,
  };
}

/** Byte offset of a vector's gate in the IDT. */
export function gateOffset(vector: number): number {
  return vector * GATE_BYTES;
}
