import type { Vmcore } from '../model/event.js';
import { loadsOf } from './core-headers.js';

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
  let prstatusNotes = 0;
  let vmcoreinfo: string | undefined;
  for (const note of elfNotes(bytes.notes)) {
    if (note.type === NT_PRSTATUS && note.name === 'CORE') prstatusNotes += 1;
    if (note.name === 'VMCOREINFO') vmcoreinfo = note.description.toString('latin1');
  }
  return {
    sizeBytes: bytes.sizeBytes,
    prstatusNotes,
    hasVmcoreinfo: vmcoreinfo !== undefined,
    crashedRelease: /^OSRELEASE=(\S{1,64})$/m.exec(vmcoreinfo ?? '')?.[1],
    nodename: nodenameOf(bytes.uts),
    loads: loadsOf(bytes.head),
  };
}

function isCoreHead(head: Buffer): boolean {
  const ident = head.toString('latin1', 0, 6);
  const headerBytes = ident === '\x7fELF\x01\x01' ? 52 : 64;
  if (headerBytes === 64 && ident !== '\x7fELF\x02\x01') return false;
  return head.length >= headerBytes && head.readUInt16LE(16) === 4;
}

interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly description: Buffer;
}

/** Walks ELF notes (name and description padded to 4 bytes); stops at the first that does not fit. */
function elfNotes(bytes: Buffer): ElfNote[] {
  const notes: ElfNote[] = [];
  let at = 0;
  while (at + 12 <= bytes.length) {
    const nameSize = bytes.readUInt32LE(at);
    const descriptionSize = bytes.readUInt32LE(at + 4);
    const type = bytes.readUInt32LE(at + 8);
    const name = at + 12;
    const description = name + align4(nameSize);
    const end = description + align4(descriptionSize);
    // The kernel ends a CPU's notes with an all-zero header (fs/proc/vmcore.c merges them away).
    if (nameSize === 0 || end > bytes.length) break;
    notes.push({
      name: bytes.toString('latin1', name, name + nameSize).replace(/\0.*$/s, ''),
      type,
      description: bytes.subarray(description, description + descriptionSize),
    });
    at = end;
  }
  return notes;
}

function align4(size: number): number {
  return Math.ceil(size / 4) * 4;
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
