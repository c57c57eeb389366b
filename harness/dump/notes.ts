/** Bytes of a note's header: sizes of name and descriptor, type (elf(5)). */
const HEADER_BYTES = 12;
const NAME = 'VMCOREINFO';
/** The kernel's VMCOREINFO has one page (include/linux/crash_core.h, VMCOREINFO_BYTES, v6.1). */
const MOST_BYTES = 64 * 1024;

/** The text of VMCOREINFO in a segment of notes; undefined when it is not there, or absurd. */
export function vmcoreinfoIn(notes: Buffer): Buffer | undefined {
  for (let at = 0; at + HEADER_BYTES <= notes.length; ) {
    const nameBytes = notes.readUInt32LE(at);
    const bytes = notes.readUInt32LE(at + 4);
    const start = at + HEADER_BYTES + aligned(nameBytes);
    if (nameBytes === 0 || start + bytes > notes.length) return undefined;
    const name = notes
      .toString('latin1', at + HEADER_BYTES, at + HEADER_BYTES + nameBytes)
      .replace(/\0.*$/s, '');
    if (name === NAME && bytes <= MOST_BYTES) {
      const text = notes.subarray(start, start + bytes);
      return text.includes('OSRELEASE=') ? text : undefined;
    }
    at = start + aligned(bytes);
  }
  return undefined;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/** Where the text begins in {@link vmcoreinfoNote}. */
export const VMCOREINFO_AT = HEADER_BYTES + aligned(NAME.length + 1);

/** The note of such a text, as the kernel writes it (kernel/crash_core.c, append_elf_note(), v6.1). */
export function vmcoreinfoNote(text: Buffer): Buffer {
  const note = Buffer.alloc(VMCOREINFO_AT + aligned(text.length));
  note.writeUInt32LE(NAME.length + 1, 0);
  note.writeUInt32LE(text.length, 4);
  note.write(NAME, HEADER_BYTES, 'latin1');
  text.copy(note, VMCOREINFO_AT);
  return note;
}
