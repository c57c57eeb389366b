import type { PageRun } from '../machine.js';
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

/** Bytes of a page, and of its entry in pagemap. */
const PAGE_BYTES = 4096;
const ENTRY_BYTES = 8;
/**
 * Bits of an entry's upper half (Documentation/admin-guide/mm/pagemap.rst, v6.1): present in RAM, swapped out, a page of
 * a file.
 */
const PRESENT = 1 << 31;
const SWAPPED = 1 << 30;
const OF_FILE = 1 << 29;
/** A gap of fewer pages is read with its neighbours: a read costs as much as some pages. */
const SHORT_GAP = 4;

/** `7f21c0000000-7f21f0000000 rw-p 00000000 00:00 0    NAME` (proc(5)). */
const MAPPING = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) [0-9a-f]+:[0-9a-f]+ (\d+)/;

/** The memory of another process, read from outside. */
export interface ProcessMemory {
  /**
   * Whether the process has all of a range mapped, with memory of its own: private, and of no file or of the file that
   * was named. Only such ranges can be read.
   */
  take(address: number, bytes: number): boolean;
  /** Fills `into` from an address; both are whole pages. Throws what the host's kernel says. */
  read(into: Buffer, address: number): void;
  /**
   * The same for pages of which the process has its own copy only; says which they are. Of the others some may be filled
   * as well.
   */
  readOwn(into: Buffer, address: number): readonly PageRun[];
  /** Fills `into` from the file, as far as it is mapped there; with zeros where none is. */
  readFile(into: Buffer, address: number): void;
  close(): void;
}

/** A mapping of a process. */
interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly isPrivate: boolean;
  /** Of its file, and the file's number; 0 of no file. */
  readonly offset: number;
  readonly inode: number;
}

/**
 * Opens the memory of a process: /proc/PID/mem and pagemap. Pages that the process has no copy of are not read there:
 * they are zeros, or, where it maps `file` (a path; a file that does not change), that file's. Throws when the host's
 * kernel forbids it: another user's process, one that changed its rights (ptrace(2), "Ptrace access mode checking"),
 * Yama's ptrace_scope from 2 on; with 1 a descendant of this process may be read. Both files stay those of the process
 * when another one gets its number.
 */
export function openProcessMemory(
  pid: number,
  { file: path, proc = '/proc' }: { readonly file?: string | undefined; readonly proc?: string } = {},
): ProcessMemory {
  const open: number[] = [];
  const close = () => {
    for (const one of open.splice(0)) closeSync(one);
  };
  const opened = (name: string) => {
    const one = openSync(name, constants.O_RDONLY);
    open.push(one);
    return one;
  };
  let memory: number;
  let pagemap: number;
  let file: number | undefined;
  try {
    memory = opened(`${proc}/${pid}/mem`);
    pagemap = opened(`${proc}/${pid}/pagemap`);
    file = path === undefined ? undefined : opened(path);
  } catch (error) {
    close();
    throw error;
  }
  const fileInode = file === undefined ? undefined : fstatSync(file).ino;
  const taken: Mapping[] = [];
  const readOwn = (into: Buffer, address: number) => {
    const entries = new Uint32Array((into.length / PAGE_BYTES) * (ENTRY_BYTES / 4));
    readWhole(pagemap, Buffer.from(entries.buffer), (address / PAGE_BYTES) * ENTRY_BYTES);
    const runs = ownRuns(entries);
    for (const { first, end, isOwn } of runs) {
      const part = into.subarray(first * PAGE_BYTES, end * PAGE_BYTES);
      if (isOwn) readWhole(memory, part, address + first * PAGE_BYTES);
    }
    return runs;
  };
  const readFile = (into: Buffer, address: number) => {
    let done = 0;
    for (const { start, end, offset, inode } of taken) {
      const at = address + done;
      if (done === into.length || at < start || at >= end) continue;
      const part = into.subarray(done, done + Math.min(into.length - done, end - at));
      if (inode === 0 || file === undefined) part.fill(0);
      else readWhole(file, part, at - start + offset);
      done += part.length;
    }
    if (done < into.length) throw new RangeError(`cannot read memory at "${address}": it was not taken`);
  };
  return {
    take(address, bytes) {
      let to = address;
      const range: Mapping[] = [];
      for (const mapping of readMappings(readFileSync(`${proc}/${pid}/maps`, 'latin1'))) {
        if (to >= address + bytes || mapping.end <= to) continue;
        if (mapping.start > to || !mapping.isPrivate) return false;
        if (mapping.inode !== 0 && mapping.inode !== fileInode) return false;
        range.push(mapping);
        to = mapping.end;
      }
      if (to < address + bytes) return false;
      taken.push(...range);
      return true;
    },
    readOwn,
    readFile,
    read(into, address) {
      for (const { first, end, isOwn } of readOwn(into, address)) {
        if (!isOwn)
          readFile(into.subarray(first * PAGE_BYTES, end * PAGE_BYTES), address + first * PAGE_BYTES);
      }
    },
    close,
  };
}

function readWhole(file: number, into: Buffer, position: number): void {
  for (let at = 0; at < into.length; ) {
    const bytes = readSync(file, into, at, into.length - at, position + at);
    // A process that is gone has no memory (fs/proc/base.c, mem_rw(), v6.1).
    if (bytes === 0) throw new Error(`cannot read memory at "${position + at}": there is none`);
    at += bytes;
  }
}

/** Pages in the order of their addresses: those of which the process has its own copy, and the others. Pure. */
export function ownRuns(entries: Uint32Array): PageRun[] {
  const pages = entries.length / 2;
  const isOwn = (page: number) => {
    const bits = entries[page * 2 + 1] ?? 0;
    return (bits & (PRESENT | SWAPPED)) !== 0 && (bits & OF_FILE) === 0;
  };
  const runs: { first: number; end: number; isOwn: boolean }[] = [];
  for (let page = 0; page < pages; ) {
    const own = isOwn(page);
    let end = page + 1;
    while (end < pages && isOwn(end) === own) end += 1;
    const last = runs.at(-1);
    if (last?.isOwn === true && (own || (end - page < SHORT_GAP && end < pages))) last.end = end;
    else runs.push({ first: page, end, isOwn: own });
    page = end;
  }
  return runs;
}

/** The text of /proc/PID/maps, in the order of addresses; numbers are exact, user addresses have 47 bits. Pure. */
export function readMappings(text: string): Mapping[] {
  return text.split('\n').flatMap((line) => {
    const [, start = '', end = '', rights = '', offset = '', inode = ''] = MAPPING.exec(line) ?? [];
    if (start === '') return [];
    return [
      {
        start: Number.parseInt(start, 16),
        end: Number.parseInt(end, 16),
        isPrivate: rights.startsWith('r') && rights.endsWith('p'),
        offset: Number.parseInt(offset, 16),
        inode: Number(inode),
      },
    ];
  });
}
