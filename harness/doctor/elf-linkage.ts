import { PT_INTERP, readElf } from '../symbols/elf.js';

/** Bytes of a file's start that {@link elfLinkage} may need: linkers put the program headers first. */
export const ELF_HEAD_BYTES = 64 * 1024;

/**
 * How an executable finds its libraries: `dynamic` when it names an interpreter (PT_INTERP), `static` when not
 * (static-pie has none either), `not-elf` for anything else, a damaged header included. `head` is the start of
 * the file. Pure.
 */
export function elfLinkage(head: Buffer): 'static' | 'dynamic' | 'not-elf' {
  const segments = readElf(head)?.segments ?? [];
  if (segments.length === 0) return 'not-elf';
  return segments.some(({ type }) => type === PT_INTERP) ? 'dynamic' : 'static';
}
