import { GdbProtocolError } from './errors.js';
import type { Limits } from './limits.js';
import type { Link } from './link.js';
import { command, demand } from './target.js';

/** Longest head of an `M` packet: `M`, 16 digits, `,`, 8 digits, `:`. */
const WRITE_HEAD_BYTES = 27;
const ADDRESS_LIMIT = 1n << 64n;
/** One call reads or writes at most this much; QMP writes whole dumps. */
const MAX_TRANSFER_BYTES = 64 * 1024 * 1024;

/** Reads guest memory in pieces that fit the stub's packets. */
export async function readMemory(
  link: Link,
  { address, length, packetBytes }: { address: bigint; length: number; packetBytes: number },
  limits: Limits,
): Promise<Buffer> {
  checkRange(address, length);
  const bytes = Buffer.alloc(length);
  // QEMU compares against half its packet size, and the reply's hexadecimal digits must fit as well.
  const pieceBytes = Math.floor((packetBytes - 4) / 2);
  for (let at = 0; at < length; at += pieceBytes) {
    const count = Math.min(pieceBytes, length - at);
    const packet = `m${(address + BigInt(at)).toString(16)},${count.toString(16)}`;
    const reply = await demand(link, packet, limits);
    if (reply.length !== 2 * count || !/^[0-9a-f]+$/iu.test(reply)) {
      throw new GdbProtocolError(
        `cannot ${limits.what}: the stub answered ${reply.length} characters to "${packet}", not ${2 * count} digits`,
      );
    }
    bytes.write(reply, at, 'hex');
  }
  return bytes;
}

/** Writes guest memory in pieces that fit the stub's packets; a failure in the middle leaves the first pieces written. */
export async function writeMemory(
  link: Link,
  { address, bytes, packetBytes }: { address: bigint; bytes: Uint8Array; packetBytes: number },
  limits: Limits,
): Promise<void> {
  checkRange(address, bytes.length);
  const pieceBytes = Math.floor((packetBytes - WRITE_HEAD_BYTES - 4) / 2);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    const head = `M${(address + BigInt(at)).toString(16)},${piece.length.toString(16)}`;
    await command(link, `${head}:${piece.toString('hex')}`, limits);
  }
}

/**
 * Runs an operation with guest-physical addresses, RAM and ROM alike; afterwards the stub uses virtual ones again, also
 * after an error (QEMU: `Qqemu.PhyMemMode`, 4.1 and later; the same under TCG and KVM).
 */
export async function withPhysicalAddresses<T>(
  link: Link,
  limits: Limits,
  work: () => Promise<T>,
): Promise<T> {
  await command(link, 'Qqemu.PhyMemMode:1', limits);
  try {
    return await work();
  } finally {
    await command(link, 'Qqemu.PhyMemMode:0', limits);
  }
}

function checkRange(address: bigint, length: number): void {
  const fits = address >= 0n && address + BigInt(length) <= ADDRESS_LIMIT;
  if (fits && Number.isSafeInteger(length) && length > 0 && length <= MAX_TRANSFER_BYTES) return;
  throw new RangeError(
    `cannot access ${length} bytes at "0x${address.toString(16)}": 1 to ${MAX_TRANSFER_BYTES} bytes below 2^64`,
  );
}
