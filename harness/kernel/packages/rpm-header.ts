/**
 * What an .rpm says of itself: docs/manual/format_v4.md and format_lead.md of rpm. A lead of 96 bytes, a signature
 * header, padded to 8 bytes, and the main header, whose tags lead to texts in its store. The payload is left to bsdtar.
 */

/** Name, version with release, and architecture of a package. */
export interface RpmHeader {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
}

const LEAD_MAGIC = 0xedabeedb;
const LEAD_BYTES = 96;
const SOURCE_PACKAGE = 1;
const HEADER_MAGIC = 0x8eade801;
const INTRO_BYTES = 16;
const ENTRY_BYTES = 16;
const TAGS = { name: 1000, version: 1001, release: 1002, arch: 1022 } as const;
/** Type of a text that ends in NUL. */
const STRING = 6;
/** No package needs more tags; the texts are short. */
const ENTRIES_MAX = 65_536;
const TEXT_MAX = 256;
/** A text that may become part of a line: names and versions of packages have no other characters. */
const PLAIN = /^[\w.+~^:-]+$/;

/** Bytes at the start of a file that hold its headers: those of a kernel's largest package have 8 MB. */
export const RPM_HEAD_BYTES = 32 * 1024 * 1024;

/** Reads the headers from the first bytes of a file. Throws an Error with the reason when it is no binary package. Pure. */
export function readRpmHeader(head: Buffer): RpmHeader {
  if (head.length < LEAD_BYTES || head.readUInt32BE(0) !== LEAD_MAGIC) throw new Error('it is not an .rpm');
  if (head.readUInt16BE(6) === SOURCE_PACKAGE) throw new Error('it is a source package');
  const signature = headerAt(head, LEAD_BYTES);
  const main = headerAt(head, signature.end + ((8 - (signature.end % 8)) % 8));
  const text = (tag: number) => textOf(head, main, tag);
  return {
    name: text(TAGS.name),
    version: `${text(TAGS.version)}-${text(TAGS.release)}`,
    arch: text(TAGS.arch),
  };
}

interface Header {
  /** Offsets in the file. */
  readonly index: number;
  readonly store: number;
  readonly end: number;
}

function headerAt(head: Buffer, start: number): Header {
  const index = start + INTRO_BYTES;
  if (head.length < index) throw new Error('it is cut off in its headers');
  if (head.readUInt32BE(start) !== HEADER_MAGIC) throw new Error('its headers are damaged');
  const entries = head.readUInt32BE(start + 8);
  if (entries > ENTRIES_MAX) throw new Error('its headers are damaged');
  const store = index + entries * ENTRY_BYTES;
  const end = store + head.readUInt32BE(start + 12);
  if (head.length < end) throw new Error('it is cut off in its headers');
  return { index, store, end };
}

function textOf(head: Buffer, { index, store, end }: Header, tag: number): string {
  for (let entry = index; entry < store; entry += ENTRY_BYTES) {
    if (head.readUInt32BE(entry) !== tag || head.readUInt32BE(entry + 4) !== STRING) continue;
    const start = Math.min(store + head.readUInt32BE(entry + 8), end);
    const text = /^[^\0]*/.exec(head.toString('latin1', start, Math.min(end, start + TEXT_MAX)))?.[0] ?? '';
    if (PLAIN.test(text)) return text;
  }
  throw new Error('its headers are damaged');
}
