import { crc32 } from 'node:zlib';

/**
 * The protected-mode part of a 64-bit bzImage with another payload of another length. It is, in this order
 * (arch/x86/boot/compressed/vmlinux.lds.S, v5.10 to v6.12): `.head.text` with both entry points, `.rodata..compressed`
 * with the payload, then `.text`, `.rodata`, `.data`, `.bss`, `.pgtable`. It is linked at 0 and runs anywhere, so all
 * that depends on the payload's length is the distance between the head and what follows the payload, the tail.
 */

/** Header fields (Documentation/arch/x86/boot.rst, v6.12). */
const SETUP_SECTS = 0x1f1;
const SYSSIZE = 0x1f4;
const PROTOCOL = 0x206;
const XLOADFLAGS = 0x236;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const INIT_SIZE = 0x260;
const HANDOVER_OFFSET = 0x264;
/** `handover_offset`, the last of these fields, exists since boot protocol 2.11 (Linux 3.6). */
const PROTOCOL_LEAST = 0x020c;
const XLF_KERNEL_64 = 1;
/** Both entry points of the EFI handover protocol. */
const XLF_EFI_HANDOVER = 0x0c;
const HEADER_END = 0x268;
/** Sections of the tail are aligned to at most a page. */
const PAGE = 4096;
/** `.head.text` has 0x300 to 0x500 bytes in the kernels seen. */
const HEAD_MAX_BYTES = 0x2000;
/** Behind the last byte of the file lie .bss and .pgtable, with 64 KiB of heap (BOOT_HEAP_SIZE), 4 MiB with bzip2. */
const BSS_MAX_BYTES = 8 * 1024 * 1024;
/** ZO_z_extra_bytes without its part of the output (arch/x86/boot/header.S, v6.12; v5.10 has half of it). */
const EXTRA_BYTES = 128 * 1024;

/** What a bzImage consists of. */
export interface BzImageParts {
  /** Boot sector and real-mode code. */
  readonly setup: Buffer;
  readonly head: Buffer;
  /** The compressed kernel, with the 4 bytes that hold the length of what is in it. */
  readonly payload: Buffer;
  readonly tail: Buffer;
  /** Bytes of the kernel that is in the payload. */
  readonly outputBytes: number;
  /** The file ends in the CRC-32 of all that precedes it (Linux before 6.16, unless it was signed afterwards). */
  readonly hasCrc: boolean;
}

/** Why a bzImage cannot get another payload. */
export interface NotRepackable {
  readonly why: string;
}

/** Takes a bzImage apart; its signature is left out. Never throws. */
export function partsOf(image: Buffer): BzImageParts | NotRepackable {
  if (image.length < HEADER_END || image.toString('latin1', 0x202, 0x206) !== 'HdrS') {
    return { why: 'it has no Linux boot header' };
  }
  if (image.readUInt16LE(PROTOCOL) < PROTOCOL_LEAST) return { why: 'its boot protocol is older than 2.12' };
  if ((image.readUInt16LE(XLOADFLAGS) & XLF_KERNEL_64) === 0) {
    return { why: 'it is a 32-bit kernel, whose decompressor is linked in another way' };
  }
  const base = ((image.readUInt8(SETUP_SECTS) || 4) + 1) * 512;
  const end = base + image.readUInt32LE(SYSSIZE) * 16;
  const from = base + image.readUInt32LE(PAYLOAD_OFFSET);
  const to = from + image.readUInt32LE(PAYLOAD_LENGTH);
  if (
    end > image.length ||
    to + 4 > end ||
    to - from < 16 ||
    from - base > HEAD_MAX_BYTES ||
    from - base < 0x200
  )
    return { why: 'its header does not describe its parts' };
  return {
    setup: image.subarray(0, base),
    head: image.subarray(base, from),
    payload: image.subarray(from, to),
    tail: image.subarray(to, end),
    outputBytes: image.readUInt32LE(to - 4),
    hasCrc: crc(image.subarray(0, end - 4)) === image.readUInt32LE(end - 4),
  };
}

/**
 * The bzImage with another payload, whose last 4 bytes are the length of its output as before. References between head
 * and tail are moved by the difference; nothing else of the decompressor changes. It cannot be started by EFI firmware:
 * the fields for that are cleared, because their addresses are those of the old layout.
 */
export function withPayload(parts: BzImageParts, payload: Buffer): Buffer | NotRepackable {
  const { outputBytes } = parts;
  const at = parts.head.length;
  const tailAt = at + parts.payload.length;
  const end = endOf(parts);
  if (end === undefined) return { why: 'its entry code does not show where the decompressor ends' };
  const delta = Math.ceil((payload.length - parts.payload.length) / PAGE) * PAGE;
  const image = { at, tailAt, end, delta };

  const head = Buffer.from(parts.head);
  for (const place of headReferences(head, image))
    head.writeUInt32LE(head.readUInt32LE(place) + delta, place);
  const tail = Buffer.from(parts.tail);
  const code = Buffer.concat([Buffer.alloc(8), tail]);
  for (const place of tailReferences(code, image)) {
    code.writeInt32LE(code.readInt32LE(place) - delta, place);
  }
  code.copy(tail, 0, 8);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(parts.payload.length, 0);
  lengths.writeUInt32LE(outputBytes, 4);
  const place = tail.indexOf(lengths);
  if (place < 0 || tail.indexOf(lengths, place + 1) >= 0) {
    return { why: 'its decompressor does not hold the length of the payload in one place' };
  }
  tail.writeUInt32LE(payload.length, place);

  const setup = Buffer.from(parts.setup);
  const padding = Buffer.alloc(parts.payload.length + delta - payload.length);
  const made = Buffer.concat([setup, head, payload, padding, tail]);
  made.writeUInt32LE((made.length - setup.length) / 16, SYSSIZE);
  made.writeUInt32LE(payload.length, PAYLOAD_LENGTH);
  made.writeUInt32LE(
    Math.max(made.readUInt32LE(INIT_SIZE), initSize(image, payload.length, outputBytes)),
    INIT_SIZE,
  );
  // EFI firmware looks for MZ.
  made.writeUInt16LE(0, 0);
  made.writeUInt16LE(made.readUInt16LE(XLOADFLAGS) & ~XLF_EFI_HANDOVER, XLOADFLAGS);
  made.writeUInt32LE(0, HANDOVER_OFFSET);
  if (parts.hasCrc) made.writeUInt32LE(crc(made.subarray(0, made.length - 4)), made.length - 4);
  return made;
}

interface Layout {
  /** Offset of the payload, bytes from the start of the head. */
  readonly at: number;
  readonly tailAt: number;
  readonly end: number;
  readonly delta: number;
}

/** `_end`, which the entry code subtracts from the buffer's end: `sub $_end, %ebx`, 81 /5 (head_64.S). */
function endOf({ head, payload, tail }: BzImageParts): number | undefined {
  const least = head.length + payload.length + tail.length - PAGE;
  const found = new Set<number>();
  for (let at = 2; at + 4 <= head.length; at += 1) {
    const value = head.readUInt32LE(at);
    if (head[at - 2] !== 0x81 || head[at - 1] !== 0xeb || value % PAGE !== 0) continue;
    if (value >= least && value < least + BSS_MAX_BYTES) found.add(value);
  }
  const [end] = found;
  return found.size === 1 ? end : undefined;
}

/** Where the head refers to the tail: by an offset from the start, or from the next instruction. Both grow alike. */
function headReferences(head: Buffer, { at, tailAt, end }: Layout): number[] {
  const places: number[] = [];
  for (let place = 3; place + 4 <= head.length; place += 1) {
    const value = head.readUInt32LE(place);
    if (value >= tailAt - at && value <= end && (isOperand(head, place) || isImmediate(head, place)))
      places.push(place);
  }
  return places;
}

/** Where the tail, with 8 bytes before it, refers to the head or to the payload's first bytes, from the next instruction. */
function tailReferences(code: Buffer, { at, tailAt }: Layout): number[] {
  const places: number[] = [];
  for (let place = 8; place + 4 <= code.length; place += 1) {
    const target = tailAt + (place - 8) + 4 + code.readInt32LE(place);
    if (target < -4 || target >= at + 16 || !isRelative(code, place)) continue;
    // An immediate of one byte may follow, as in cmpb $0x1f, input_data(%rip).
    places.push(place);
  }
  return places;
}

/** Opcodes, or the last bytes of them (lgdt is 0f 01), with a ModRM byte and a memory operand in these places. */
const WITH_MODRM = new Set([
  0x01, 0x03, 0x29, 0x2b, 0x39, 0x3b, 0x80, 0x81, 0x83, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0xc6, 0xc7, 0xf6, 0xf7,
  0xff,
]);

/** A displacement of 4 bytes behind a base register, or one from the next instruction. */
function isOperand(code: Buffer, place: number): boolean {
  return (
    isRelative(code, place) ||
    (hasModrm(code, place) && byte(code, place - 1) >> 6 === 2 && (byte(code, place - 1) & 7) !== 4)
  );
}

/** `call`, `jmp`, a conditional jump, or a memory operand relative to the next instruction. */
function isRelative(code: Buffer, place: number): boolean {
  const last = byte(code, place - 1);
  if (last === 0xe8 || last === 0xe9) return true;
  if (byte(code, place - 2) === 0x0f && last >> 4 === 8) return true;
  return hasModrm(code, place) && (last & 0xc7) === 0x05;
}

function hasModrm(code: Buffer, place: number): boolean {
  return WITH_MODRM.has(byte(code, place - 2));
}

/** `mov $x, %reg`, or an operation with a register and an immediate. */
function isImmediate(code: Buffer, place: number): boolean {
  const last = byte(code, place - 1);
  if (last >= 0xb8 && last <= 0xbf) return true;
  return (byte(code, place - 2) === 0x81 || byte(code, place - 2) === 0xc7) && last >> 6 === 3;
}

function byte(code: Buffer, at: number): number {
  return code[at] ?? 0;
}

/** The buffer that the decompressor needs (ZO_INIT_SIZE, arch/x86/boot/header.S, v6.12). */
function initSize({ end, delta }: Layout, payloadBytes: number, outputBytes: number): number {
  const ahead = Math.max(outputBytes - payloadBytes, 0) + (outputBytes >> 8) + EXTRA_BYTES;
  return end + delta + Math.ceil(ahead / PAGE) * PAGE;
}

/** The CRC of arch/x86/boot/tools/build.c: without the inversion at the end that zlib's has. */
function crc(bytes: Buffer): number {
  return (crc32(bytes) ^ 0xffffffff) >>> 0;
}
