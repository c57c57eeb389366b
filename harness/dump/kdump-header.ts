import { parseVmcoreinfo } from '../symbols/vmcoreinfo.js';
import { VMCOREINFO_AT, vmcoreinfoNote } from '../symbols/elf-notes.js';

/**
 * The headers of a kdump-compressed dump of a 64-bit x86 kernel, all numbers little endian (makedumpfile 1.7.2,
 * diskdump_mod.h, struct disk_dump_header and struct kdump_sub_header; the same in crash 8.0.2, diskdump.h).
 */

const SIGNATURE = 'KDUMP   ';
/** Of the kernel's page, which is the block of the file. */
export const DUMP_BLOCK_BYTES = 4096;
/** __START_KERNEL_map: the kernel's image lies there, KASLR included (arch/x86/include/asm/page_64_types.h, v6.1). */
const KERNEL_MAP = 0xffff_ffff_8000_0000n;
/** VMCOREINFO is in the sub-header since this version. */
const LEAST_VERSION = 3;
const MOST_VERSION = 6;
/** 256 GiB; the largest guest has 64, and holes. */
const MOST_PAGES = 64 * 1024 * 1024;

/** Fields of the header. The time before `status` has 16 bytes. */
const HEADER = {
  version: 8,
  utsname: 12,
  machine: 12 + 4 * 65,
  blockSize: 428,
  subBlocks: 432,
  bitmapBlocks: 436,
  pages: 440,
};
/** Fields of the sub-header, from the start of the file's second block. */
const SUB = {
  physBase: 0,
  level: 8,
  infoOffset: 32,
  infoBytes: 40,
  noteOffset: 48,
  noteBytes: 56,
  pages: 96,
};
/** Registers of 64 CPUs are some 60 KB. */
const MOST_NOTES_BYTES = 4 * 1024 * 1024;
const WORD_BYTES = 65;

/** Bytes from which {@link readKdumpHeader} reads: both headers. */
export const KDUMP_HEADERS_BYTES = 2 * DUMP_BLOCK_BYTES;
/** Bytes of a page's descriptor: offset (8), size (4), flags (4), page flags (8). */
export const PAGE_DESCRIPTOR_BYTES = 24;

/** What the headers of a dump say. */
export interface KdumpHeader {
  readonly version: number;
  /** Pages from address 0 up to the end of the memory. */
  readonly pages: number;
  /** Which kinds of pages were left out (makedumpfile -d). */
  readonly level: number;
  /** Where the bitmap of the pages that are in the dump begins, and its bytes. */
  readonly bitmap: { readonly offset: number; readonly bytes: number };
  /** Where the descriptors of these pages begin. */
  readonly descriptors: number;
  /** The notes of the dump: the registers of CPUs, VMCOREINFO. */
  readonly notes: { readonly offset: number; readonly bytes: number };
  /** The crashed kernel's VMCOREINFO; absent when the dump has none. */
  readonly info?: { readonly offset: number; readonly bytes: number } | undefined;
}

/** Why a file is no such dump. */
export interface NoKdump {
  readonly why: string;
}

/** Reads the headers from the first bytes of a file. The dump may be a guest's work: each number is bounded. */
export function readKdumpHeader(head: Buffer): KdumpHeader | NoKdump {
  if (head.length < KDUMP_HEADERS_BYTES) return { why: 'it is shorter than its headers' };
  if (head.toString('latin1', 0, SIGNATURE.length) !== SIGNATURE)
    return { why: 'it has no signature of kdump' };
  const version = head.readInt32LE(HEADER.version);
  if (version < LEAST_VERSION || version > MOST_VERSION) return { why: `its header has version ${version}` };
  const machine = head.toString('latin1', HEADER.machine, HEADER.machine + WORD_BYTES).replace(/\0.*$/s, '');
  if (machine !== 'x86_64') return { why: 'it is of no 64-bit x86 kernel' };
  if (head.readInt32LE(HEADER.blockSize) !== DUMP_BLOCK_BYTES) return { why: 'its blocks are not of 4 KiB' };
  const subBlocks = head.readInt32LE(HEADER.subBlocks);
  const bitmapBlocks = head.readUInt32LE(HEADER.bitmapBlocks);
  const sub = head.subarray(DUMP_BLOCK_BYTES);
  const pages =
    version < MOST_VERSION ? BigInt(head.readUInt32LE(HEADER.pages)) : sub.readBigUInt64LE(SUB.pages);
  const bitmapBytes = (bitmapBlocks / 2) * DUMP_BLOCK_BYTES;
  const isSane = subBlocks >= 1 && subBlocks <= 1024 && bitmapBlocks % 2 === 0 && pages <= BigInt(MOST_PAGES);
  if (!isSane || bitmapBytes * 8 < Number(pages) || bitmapBytes > MOST_PAGES / 8 + DUMP_BLOCK_BYTES)
    return { why: 'its headers contradict each other' };
  const first = (1 + subBlocks) * DUMP_BLOCK_BYTES;
  const places = kdumpPlaces(head);
  if (places.notes.bytes > MOST_NOTES_BYTES) return { why: 'its headers contradict each other' };
  return {
    version,
    pages: Number(pages),
    level: sub.readInt32LE(SUB.level),
    bitmap: { offset: first + bitmapBytes, bytes: bitmapBytes },
    descriptors: first + 2 * bitmapBytes,
    ...places,
  };
}

/** Where a dump has its notes and its VMCOREINFO, from the first {@link KDUMP_HEADERS_BYTES} of the file. */
export function kdumpPlaces(head: Buffer): Pick<KdumpHeader, 'notes' | 'info'> {
  const word = (field: number) => Number(head.readBigUInt64LE(DUMP_BLOCK_BYTES + field));
  const info = { offset: word(SUB.infoOffset), bytes: word(SUB.infoBytes) };
  return {
    notes: { offset: word(SUB.noteOffset), bytes: word(SUB.noteBytes) },
    ...(info.offset > 0 && info.bytes > 0 ? { info } : {}),
  };
}

/** The names in a dump's header: makedumpfile puts the crashed kernel's init_uts_ns there. Other characters are left out. */
export function namesOf(head: Buffer): { readonly nodename?: string; readonly release?: string } {
  const word = (index: number) => {
    const at = HEADER.utsname + index * WORD_BYTES;
    const text = head.toString('latin1', at, at + WORD_BYTES).split('\0', 1)[0] ?? '';
    return /^[!-~]{1,64}$/.test(text) ? text : undefined;
  };
  const [nodename, release] = [word(1), word(2)];
  return { ...(nodename === undefined ? {} : { nodename }), ...(release === undefined ? {} : { release }) };
}

/** A write into a file. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** What a dump from outside does not say of the kernel that crashed. */
export interface CrashedKernel {
  /** The text of its VMCOREINFO. */
  readonly info: Buffer;
  /** Its struct new_utsname; absent: not found. libkdumpfile takes the architecture from it. */
  readonly utsname?: Buffer | undefined;
}

/** Six words of 65 bytes (include/uapi/linux/utsname.h, v6.1). */
export const UTSNAME_BYTES = 6 * 65;

/** Where a struct new_utsname lies in physical memory, by VMCOREINFO; undefined when that does not say, or absurdly. */
export function utsnameAt(info: Buffer): number | undefined {
  const parsed = parseVmcoreinfo(info.toString('latin1'));
  const symbol = parsed.symbol('init_uts_ns');
  if (symbol === undefined) return undefined;
  const member = BigInt(parsed.offset('uts_namespace.name') ?? 0);
  const address = symbol + member - KERNEL_MAP + physBaseIn(info);
  return address >= 0n && address <= BigInt(MOST_PAGES) * 4096n ? Number(address) : undefined;
}

/** Whether bytes are a struct new_utsname of a 64-bit Linux. */
export function isUtsname(bytes: Buffer): boolean {
  const word = (index: number) => bytes.toString('latin1', index * WORD_BYTES, (index + 1) * WORD_BYTES);
  const isText = [0, 2, 3, 4].every((index) => /^[ -~]{1,64}$/.test(word(index).split('\0', 1)[0] ?? ''));
  return (
    bytes.length === UTSNAME_BYTES &&
    isText &&
    word(0).startsWith('Linux\0') &&
    word(4).startsWith('x86_64\0')
  );
}

/**
 * Adds VMCOREINFO to a dump of `sizeBytes` that lacks it, as one that QEMU wrote without the device `vmcoreinfo` does: as
 * the last of its notes, which move behind the end, with its place and the kernel's phys_base in the sub-header. crash
 * takes it from there, libkdumpfile 0.5.1 from the notes. Without it drgn does not open the dump, and a kernel that KASLR
 * has moved is hard to find.
 */
export function vmcoreinfoPatches(
  { info, utsname }: CrashedKernel,
  { notes, sizeBytes }: { readonly notes: Buffer; readonly sizeBytes: number },
): Patch[] {
  const offset = Math.ceil(sizeBytes / 8) * 8;
  const all = Buffer.concat([notes, vmcoreinfoNote(info)]);
  const place = Buffer.alloc(32);
  place.writeBigUInt64LE(BigInt(offset + notes.length + VMCOREINFO_AT), 0);
  place.writeBigUInt64LE(BigInt(info.length), 8);
  place.writeBigUInt64LE(BigInt(offset), 16);
  place.writeBigUInt64LE(BigInt(all.length), 24);
  const physBase = Buffer.alloc(8);
  physBase.writeBigInt64LE(physBaseIn(info), 0);
  return [
    { offset, bytes: all },
    { offset: DUMP_BLOCK_BYTES + SUB.infoOffset, bytes: place },
    { offset: DUMP_BLOCK_BYTES + SUB.physBase, bytes: physBase },
    ...(utsname === undefined ? [] : [{ offset: HEADER.utsname, bytes: utsname }]),
  ];
}

/** NUMBER(phys_base) is decimal, and may be negative; 0 when it is absent or absurd. */
function physBaseIn(info: Buffer): bigint {
  const [, value] = /^NUMBER\(phys_base\)=(-?\d{1,18})$/m.exec(info.toString('latin1')) ?? [];
  return value === undefined ? 0n : BigInt(value);
}

/** The end of the furthest page in a piece of the table of descriptors, bytes from the start of the file. */
export function endOfPages(descriptors: Buffer): bigint {
  let end = 0n;
  for (let at = 0; at + PAGE_DESCRIPTOR_BYTES <= descriptors.length; at += PAGE_DESCRIPTOR_BYTES) {
    const last = descriptors.readBigUInt64LE(at) + BigInt(descriptors.readUInt32LE(at + 8));
    if (last > end) end = last;
  }
  return end;
}

/** How many bits of a bitmap are set. */
export function pagesIn(bitmap: Buffer): number {
  let count = 0;
  for (let byte of bitmap) {
    for (; byte !== 0; byte &= byte - 1) count += 1;
  }
  return count;
}
