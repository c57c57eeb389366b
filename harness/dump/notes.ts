import { elfNotes } from '../symbols/elf-notes.js';

/** The kernel's VMCOREINFO has one page (include/linux/crash_core.h, VMCOREINFO_BYTES, v6.1). */
const MOST_BYTES = 64 * 1024;

/** The text of VMCOREINFO in a segment of notes; undefined when it is not there, or absurd. */
export function vmcoreinfoIn(notes: Buffer): Buffer | undefined {
  const found = elfNotes(notes).find(
    ({ name, description }) => name === 'VMCOREINFO' && description.length <= MOST_BYTES,
  );
  return found?.description.includes('OSRELEASE=') === true ? found.description : undefined;
}
