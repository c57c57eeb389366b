import type { Vmcore } from '../model/event.js';
import { elfNotes } from '../symbols/elf-notes.js';
import { chunkSums, PAGE_BYTES } from './chunk-sums.js';
import { loadsOf, noteSegmentsOf } from './core-headers.js';

const NT_PRSTATUS = 1;

/** The bytes that the capture init read: ELF head of /proc/vmcore, its PT_NOTE segment, and init_uts_ns. */
export interface VmcoreBytes {
  readonly sizeBytes: number;
  readonly head: Buffer;
  readonly notes: Buffer;
  readonly uts: Buffer;
}

/**
 * Reads the facts out of the bytes. Undefined when the head is not that of a little-endian core file (e_ident, e_type
 * ET_CORE = 4): then there was no vmcore, independent of the guest's report. A 32-bit kernel's core has ELF32 headers,
 * or ELF64 ones when kexec-tools was asked for them or the machine has more than 4 GiB (kexec(8), 2.0.25).
 */
export function readVmcore(bytes: VmcoreBytes): Vmcore | undefined {
  if (!isCoreHead(bytes.head)) return undefined;
  const owners = new Set<string>();
  let vmcoreinfo: string | undefined;
  for (const note of elfNotes(bytes.notes)) {
    if (note.type === NT_PRSTATUS && note.name === 'CORE') {
      const owner = ownerOf(note.description);
      if (owner !== undefined) owners.add(owner);
    }
    if (note.name === 'VMCOREINFO') vmcoreinfo = note.description.toString('latin1');
  }
  return {
    sizeBytes: bytes.sizeBytes,
    prstatusNotes: owners.size,
    hasVmcoreinfo: vmcoreinfo !== undefined,
    crashedRelease: /^OSRELEASE=(\S{1,64})$/m.exec(vmcoreinfo ?? '')?.[1],
    nodename: nodenameOf(bytes.uts),
    notesSum: notesSum([bytes.notes]),
    ...startOf(bytes),
    loads: loadsOf(bytes.head),
  };
}

function isCoreHead(head: Buffer): boolean {
  const ident = head.toString('latin1', 0, 6);
  const headerBytes = ident === '\x7fELF\x01\x01' ? 52 : 64;
  if (headerBytes === 64 && ident !== '\x7fELF\x02\x01') return false;
  return head.length >= headerBytes && head.readUInt16LE(16) === 4;
}

/** Where things lie in struct elf_prstatus, by its size (include/linux/elfcore.h, v6.1): 64 bits, 32 bits. */
const PRSTATUS: Readonly<Record<number, { pid: number; registers: number; end: number; cs: number }>> = {
  336: { pid: 32, registers: 112, end: 328, cs: 112 + 17 * 8 },
  144: { pid: 24, registers: 72, end: 140, cs: 72 + 13 * 4 },
};
const USER_LEVEL = 3;

/**
 * The registers of a PRSTATUS note, as a text that no other CPU's has: in kernel mode the stack pointer is the CPU's own,
 * in user mode two processes may have equal registers, and not the same process id. Undefined: there are none.
 */
function ownerOf(prstatus: Buffer): string | undefined {
  const layout = PRSTATUS[prstatus.length];
  const registers = prstatus.subarray(layout?.registers, layout?.end);
  if (registers.every((byte) => byte === 0)) return undefined;
  const isUser = layout !== undefined && ((prstatus[layout.cs] ?? 0) & USER_LEVEL) === USER_LEVEL;
  return `${isUser ? prstatus.readUInt32LE(layout.pid) : ''} ${registers.toString('latin1')}`;
}

/**
 * /proc/vmcore begins with the headers and one segment of notes, each in pages that are filled up with zeros
 * (fs/proc/vmcore.c, merge_note_headers_elf64(), v6.1).
 */
function startOf({ head, notes }: VmcoreBytes): Pick<Vmcore, 'start'> {
  const [segment, ...others] = noteSegmentsOf(head);
  const isWhole = segment?.offset === head.length && segment.sizeBytes === notes.length;
  if (!isWhole || others.length > 0 || head.length % PAGE_BYTES !== 0) return {};
  const pages = inPages(Buffer.concat([head, notes]));
  return { start: { bytes: pages.length, ...chunkSums(pages) } };
}

function inPages(bytes: Buffer): Buffer {
  const pages = Buffer.alloc(Math.ceil(bytes.length / PAGE_BYTES) * PAGE_BYTES);
  bytes.copy(pages);
  return pages;
}

/** The sum of the notes of several segments, one after another as /proc/vmcore merges them. */
export function notesSum(segments: readonly Buffer[]): string {
  const bytes = Buffer.concat(
    segments.map((segment) => segment.subarray(0, elfNotes(segment).at(-1)?.end ?? 0)),
  );
  return chunkSums(inPages(bytes)).sums;
}

/**
 * The node name in the head of a struct uts_namespace: struct new_utsname is six fields of 65 bytes, sysname ("Linux")
 * first and nodename second (include/uapi/linux/utsname.h). Its offset in uts_namespace changed over time (a kref came
 * before it until v5.11 or so), so sysname is searched for.
 */
function nodenameOf(uts: Buffer): string | undefined {
  const field = 65;
  const sysname = uts.indexOf('Linux\0', 0, 'latin1');
  if (sysname < 0 || sysname + 2 * field > uts.length) return undefined;
  return uts.toString('latin1', sysname + field, sysname + 2 * field).replace(/\0.*$/s, '');
}
