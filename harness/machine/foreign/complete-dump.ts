import type { FileHandle } from 'node:fs/promises';
import { KDUMP_HEADERS_BYTES, kdumpPlaces, vmcoreinfoPatches } from '../../dump/kdump-header.js';
import { bytesAt } from '../../host/bytes-at.js';
import { vmcoreinfoNote } from '../../symbols/index.js';

/** What crash and drgn must know of a kernel to read its dump. */
export interface DumpedKernel {
  /** The text of its VMCOREINFO. */
  readonly vmcoreinfo: string;
  /** Its image: virtual and physical address, size in bytes. */
  readonly base: bigint;
  readonly physical: bigint;
  readonly bytes: number;
  /** Its `struct new_utsname`, where it is known. */
  readonly utsname?: Buffer | undefined;
}

const ADDED = ', with the VMCOREINFO of the kernel in memory';
const LACKS = ', without VMCOREINFO, because its kernel is not known: crash and drgn may refuse it';

/** Whether a file begins as an ELF file. */
export async function isElf(file: FileHandle): Promise<boolean> {
  return (await bytesAt(file, 0, 4)).toString('latin1') === '\x7fELF';
}

const PT_LOAD = 1;
const PT_NOTE = 4;
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const EVERYTHING = 7;
const PAGE = 4096;
const COPY_BYTES = 4 * 1024 * 1024;
/** PN_XNUM: the number is elsewhere (elf(5)). */
const MOST_SEGMENTS = 0xffff;
/** Headers and notes of 512 vCPUs have half a MiB. */
const MOST_NOTES = 16 * 1024 * 1024;

/**
 * Copies an ELF core of QEMU with the kernel added: a note of VMCOREINFO, and a program header for the kernel's image, as
 * /proc/vmcore has one. crash 8.0.2 reads notes at the beginning of the file only, so that the memory moves; drgn 0.0.22
 * finds the page tables by the program header. Nothing is copied when there is nothing to
 * add. Also returns what was done, for people.
 */
export async function addToElf(
  file: FileHandle,
  {
    kernel,
    create,
  }: { readonly kernel: DumpedKernel | undefined; readonly create: () => Promise<FileHandle> },
): Promise<{ readonly copied: boolean; readonly note: string }> {
  const head = await bytesAt(file, 0, HEADER_BYTES);
  const table = Number(head.readBigUInt64LE(32));
  const count = head.readUInt16LE(56);
  const headers = await bytesAt(file, table, count * SEGMENT_BYTES);
  const segments = Array.from({ length: headers.length / SEGMENT_BYTES }, (_, index) =>
    headers.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES),
  );
  const note = segments.find((segment) => segment.readUInt32LE(0) === PT_NOTE);
  if (note === undefined || count >= MOST_SEGMENTS) return { copied: false, note: LACKS };
  const notesAt = Number(note.readBigUInt64LE(8));
  const notes = await bytesAt(file, notesAt, Math.min(Number(note.readBigUInt64LE(32)), MOST_NOTES));
  if (notes.includes('VMCOREINFO\0')) return { copied: false, note: '' };
  if (kernel === undefined) return { copied: false, note: LACKS };
  const image = imageSegment(segments, kernel);
  const all = [...segments, ...(image === undefined ? [] : [image])];
  const allNotes = Buffer.concat([notes, vmcoreinfoNote(Buffer.from(kernel.vmcoreinfo, 'latin1'))]);
  const loads = all.filter((segment) => segment.readUInt32LE(0) === PT_LOAD);
  const from = Math.min(...loads.map((segment) => Number(segment.readBigUInt64LE(8))));
  const newNotesAt = HEADER_BYTES + all.length * SEGMENT_BYTES;
  const to = align(newNotesAt + allNotes.length, PAGE);
  for (const segment of loads) {
    segment.writeBigUInt64LE(segment.readBigUInt64LE(8) + BigInt(to - from), 8);
  }
  note.writeBigUInt64LE(BigInt(newNotesAt), 8);
  note.writeBigUInt64LE(BigInt(allNotes.length), 32);
  note.writeBigUInt64LE(BigInt(allNotes.length), 40);
  head.writeBigUInt64LE(BigInt(HEADER_BYTES), 32);
  // Section headers are only there when the program headers are too many for their field.
  head.writeBigUInt64LE(0n, 40);
  head.writeUInt16LE(all.length, 56);
  head.writeUInt16LE(0, 60);
  head.writeUInt16LE(0, 62);
  const copy = await create();
  try {
    const front = Buffer.concat([head, ...all, allNotes]);
    await copy.write(front, 0, front.length, 0);
    await copyBytes(file, { copy, from, to });
  } finally {
    await copy.close();
  }
  return { copied: true, note: ADDED };
}

async function copyBytes(
  file: FileHandle,
  { copy, from, to }: { readonly copy: FileHandle; readonly from: number; readonly to: number },
): Promise<void> {
  const piece = Buffer.alloc(COPY_BYTES);
  for (let done = 0; ; ) {
    const { bytesRead } = await file.read(piece, 0, COPY_BYTES, from + done);
    if (bytesRead === 0) return;
    await copy.write(piece, 0, bytesRead, to + done);
    done += bytesRead;
  }
}

/** A program header for the kernel's image; undefined when no segment holds all of it. */
function imageSegment(
  segments: readonly Buffer[],
  { base, physical, bytes }: DumpedKernel,
): Buffer | undefined {
  const size = BigInt(bytes);
  const holder = segments.find((segment) => {
    const start = segment.readBigUInt64LE(24);
    return (
      segment.readUInt32LE(0) === PT_LOAD &&
      physical >= start &&
      physical + size <= start + segment.readBigUInt64LE(32)
    );
  });
  if (holder === undefined) return undefined;
  const header = Buffer.alloc(SEGMENT_BYTES);
  header.writeUInt32LE(PT_LOAD, 0);
  header.writeUInt32LE(EVERYTHING, 4);
  header.writeBigUInt64LE(holder.readBigUInt64LE(8) + physical - holder.readBigUInt64LE(24), 8);
  header.writeBigUInt64LE(base, 16);
  header.writeBigUInt64LE(physical, 24);
  header.writeBigUInt64LE(size, 32);
  header.writeBigUInt64LE(size, 40);
  return header;
}

/**
 * Adds the text of VMCOREINFO and the kernel's physical base to a plain kdump-compressed dump, in place; and the names of
 * the system, by which libkdumpfile 0.5.1 takes it for one of Linux on x86-64.
 */
export async function addToKdump(file: FileHandle, kernel: DumpedKernel | undefined): Promise<string> {
  const { notes: place, info } = kdumpPlaces(await bytesAt(file, 0, KDUMP_HEADERS_BYTES));
  if (info !== undefined) return '';
  if (kernel === undefined) return LACKS;
  const notes = await bytesAt(file, place.offset, Math.min(place.bytes, MOST_NOTES));
  const { size: sizeBytes } = await file.stat();
  const crashed = { info: Buffer.from(kernel.vmcoreinfo, 'latin1'), utsname: kernel.utsname };
  for (const { offset, bytes } of vmcoreinfoPatches(crashed, { notes, sizeBytes }))
    await file.write(bytes, 0, bytes.length, offset);
  return ADDED;
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
