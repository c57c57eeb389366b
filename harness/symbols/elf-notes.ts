/** One note of an ELF core. */
export interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly description: Buffer;
  /** Where the next one begins. */
  readonly end: number;
}

/** Bytes of a note's header: sizes of name and description, type (elf(5)). */
const HEADER_BYTES = 12;

/** Walks ELF notes (name and description padded to 4 bytes); stops at the first that does not fit. */
export function elfNotes(bytes: Buffer): ElfNote[] {
  const notes: ElfNote[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const nameSize = bytes.readUInt32LE(at);
    const descriptionSize = bytes.readUInt32LE(at + 4);
    const type = bytes.readUInt32LE(at + 8);
    const name = at + HEADER_BYTES;
    const description = name + align4(nameSize);
    const end = description + align4(descriptionSize);
    // The kernel ends a CPU's notes with an all-zero header (fs/proc/vmcore.c merges them away).
    if (nameSize === 0 || end > bytes.length) break;
    notes.push({
      name: bytes.toString('latin1', name, name + nameSize).replace(/\0.*$/s, ''),
      type,
      description: bytes.subarray(description, description + descriptionSize),
      end,
    });
    at = end;
  }
  return notes;
}

const VMCOREINFO = 'VMCOREINFO\0';

/** Where the text begins in {@link vmcoreinfoNote}. */
export const VMCOREINFO_AT = HEADER_BYTES + align4(VMCOREINFO.length);

/** The note of a text of VMCOREINFO, as the kernel writes it (kernel/crash_core.c, append_elf_note(), v6.1). */
export function vmcoreinfoNote(text: Buffer): Buffer {
  const note = Buffer.alloc(VMCOREINFO_AT + align4(text.length));
  note.writeUInt32LE(VMCOREINFO.length, 0);
  note.writeUInt32LE(text.length, 4);
  note.write(VMCOREINFO, HEADER_BYTES, 'latin1');
  text.copy(note, VMCOREINFO_AT);
  return note;
}

function align4(size: number): number {
  return Math.ceil(size / 4) * 4;
}
