/** Bytes with a meaning in the remote serial protocol (GDB manual, "Overview" of the remote protocol). */
const HASH = 0x23;
const DOLLAR = 0x24;
const STAR = 0x2a;
const ESCAPE = 0x7d;
const ESCAPE_MASK = 0x20;
/** A repeat count is a printable character: its code minus 29; 29 itself would be a count of 0. */
const REPEAT_OFFSET = 29;
const MIN_REPEAT_CODE = 32;
const MAX_REPEAT_CODE = 126;

/** Sum of the bytes on the wire between `$` and `#`, modulo 256. */
export function checksumOf(wire: Uint8Array): number {
  let sum = 0;
  for (const byte of wire) sum = (sum + byte) & 0xff;
  return sum;
}

/** `$payload#cc` as one character per byte. The payload's characters must be below 0x100. */
export function framePacket(payload: string): string {
  let body = '';
  for (const character of payload) {
    const code = character.codePointAt(0) ?? 0;
    if (code > 0xff) throw new RangeError(`cannot send "${character}": a packet holds bytes`);
    const special = code === HASH || code === DOLLAR || code === STAR || code === ESCAPE;
    body += special ? `}${String.fromCharCode(code ^ ESCAPE_MASK)}` : character;
  }
  const sum = checksumOf(Buffer.from(body, 'latin1'));
  return `$${body}#${sum.toString(16).padStart(2, '0')}`;
}

/**
 * Undoes escapes and run-length encoding of the bytes between `$` and `#`. One character per byte; `undefined` when it
 * is malformed (nothing to repeat, bad count, escape at the end) or longer than `maxBytes` when unpacked.
 */
export function unpackPayload(wire: Uint8Array, maxBytes: number): string | undefined {
  // QEMU encodes nothing but a few binary replies (gdbstub.c, 7.2): memory and registers are hexadecimal digits.
  if (!wire.includes(ESCAPE) && !wire.includes(STAR))
    return wire.length > maxBytes ? undefined : latin1(wire);
  const out: number[] = [];
  for (let at = 0; at < wire.length; at += 1) {
    const byte = wire[at] ?? 0;
    const next = wire[at + 1];
    if (byte === ESCAPE) {
      if (next === undefined) return undefined;
      out.push(next ^ ESCAPE_MASK);
      at += 1;
    } else if (byte === STAR) {
      const last = out.at(-1);
      if (last === undefined || next === undefined) return undefined;
      if (next < MIN_REPEAT_CODE || next > MAX_REPEAT_CODE) return undefined;
      for (let left = next - REPEAT_OFFSET; left > 0; left -= 1) out.push(last);
      at += 1;
    } else {
      out.push(byte);
    }
    if (out.length > maxBytes) return undefined;
  }
  return Buffer.from(out).toString('latin1');
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
