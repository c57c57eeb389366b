import { type PagedMemory, pagedMemory, type Reading, wordAt } from './guest-memory.js';
import type { SymbolTable } from './kallsyms.js';
import { sortOf } from './symbol.js';
import { parseVmcoreinfo, readVmcoreinfoText, type Vmcoreinfo } from './vmcoreinfo.js';

/**
 * The printk ring buffer of v5.10 and later (kernel/printk/printk_ringbuffer.h and .c): a ring of descriptors, a ring of
 * record information with the same indexes, and a ring of text. Everything in it is the guest's word: each number is
 * bounded before it is used, and a ring that makes no sense is none.
 */

/** Text that is kept of one log, bytes: the newest records. */
export const MAX_LOG_BYTES = 64 * 1024;
/** Records that are looked at, newest first. */
const MAX_RECORDS = 8192;
/** One record's text (LOG_LINE_MAX and PREFIX_MAX of kernel/printk/printk.c are 1 KiB each; extended ones 8 KiB). */
const MAX_TEXT_BYTES = 8 * 1024;

/** Sizes of `count_bits` and `size_bits` that a kernel can have (init/Kconfig, LOG_BUF_SHIFT; log_buf_len=). */
const COUNT_BITS = { least: 2n, most: 26n };
const SIZE_BITS = { least: 7n, most: 31n };

/** The two upper bits of a descriptor's state variable are its state, the rest is its id (DESC_STATE(), DESC_ID()). */
const STATE_SHIFT = 62n;
const ID_MASK = (1n << STATE_SHIFT) - 1n;
const COMMITTED = 1n;
const FINALIZED = 2n;
/** Bit 0 of a logical position: the record has no text (LPOS_DATALESS()). */
const DATALESS = 1n;
/** A block of text begins with its descriptor's id, an unsigned long (struct prb_data_block). */
const BLOCK_HEADER_BYTES = 8n;
const NS_PER_US = 1000n;
const US_PER_S = 1_000_000n;

/** Where the members are that have moved between versions, or may; v6.1 and v6.12 when VMCOREINFO does not say. */
interface Layout {
  readonly textDataRing: number;
  readonly descBytes: number;
  readonly infoBytes: number;
  readonly timeOffset: number;
  readonly lengthOffset: number;
}

const V6_1: Layout = { textDataRing: 48, descBytes: 24, infoBytes: 88, timeOffset: 8, lengthOffset: 16 };

interface Ring {
  readonly layout: Layout;
  readonly countMask: bigint;
  readonly descs: bigint;
  readonly infos: bigint;
  readonly headId: bigint;
  readonly sizeBits: bigint;
  readonly data: bigint;
}

/**
 * The newest part of a 64-bit kernel's log, at most 64 KiB, as `dmesg` prints it: `[    1.234567] text`, each line of a
 * record with the record's time. Memory is requested by virtual address. Undefined when the symbols lead to no ring
 * buffer (another kernel, before v5.10, before its first message, memory that was overwritten).
 */
export function* readPrintkRing(symbols: SymbolTable): Reading<string | undefined> {
  const memory = pagedMemory();
  const described = yield* readVmcoreinfoText(symbols, memory);
  const info = described === undefined ? undefined : parseVmcoreinfo(described);
  for (const pointer of pointersTo(symbols, info)) {
    const at = yield* memory.word(pointer);
    const ring = at === undefined ? undefined : yield* readRing(at, { memory, info });
    const text = ring === undefined ? undefined : yield* readRecords(ring, memory);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Addresses of the variable `prb` of kernel/printk/printk.c. */
function pointersTo(symbols: SymbolTable, info: Vmcoreinfo | undefined): bigint[] {
  const exported = info?.symbol('prb');
  if (exported !== undefined) return [exported];
  return symbols
    .named('prb')
    .filter((symbol) => sortOf(symbol) === 'data')
    .map(({ address }) => address);
}

function* readRing(
  at: bigint,
  { memory, info }: { readonly memory: PagedMemory; readonly info: Vmcoreinfo | undefined },
): Reading<Ring | undefined> {
  const layout: Layout = {
    textDataRing: info?.offset('printk_ringbuffer.text_data_ring') ?? V6_1.textDataRing,
    descBytes: info?.size('prb_desc') ?? V6_1.descBytes,
    infoBytes: info?.size('printk_info') ?? V6_1.infoBytes,
    timeOffset: info?.offset('printk_info.ts_nsec') ?? V6_1.timeOffset,
    lengthOffset: info?.offset('printk_info.text_len') ?? V6_1.lengthOffset,
  };
  if (Math.max(layout.timeOffset + 8, layout.lengthOffset + 2) > layout.infoBytes) return undefined;
  const descRing = yield* memory.bytes(at, 40);
  const dataRing = yield* memory.bytes(at + BigInt(layout.textDataRing), 16);
  if (descRing === undefined || dataRing === undefined) return undefined;
  const countBits = wordAt(descRing, 0) & 0xffff_ffffn;
  const sizeBits = wordAt(dataRing, 0) & 0xffff_ffffn;
  if (countBits < COUNT_BITS.least || countBits > COUNT_BITS.most) return undefined;
  if (sizeBits < SIZE_BITS.least || sizeBits > SIZE_BITS.most) return undefined;
  return {
    layout,
    countMask: (1n << countBits) - 1n,
    descs: wordAt(descRing, 8),
    infos: wordAt(descRing, 16),
    headId: wordAt(descRing, 24),
    sizeBits,
    data: wordAt(dataRing, 8),
  };
}

/** The records from the newest backwards, until one is not there or enough text is read. */
function* readRecords(ring: Ring, memory: PagedMemory): Reading<string | undefined> {
  const records: string[] = [];
  let bytes = 0;
  const most = ring.countMask < MAX_RECORDS ? Number(ring.countMask) + 1 : MAX_RECORDS;
  for (let back = 0; back < most && bytes < MAX_LOG_BYTES; back += 1) {
    const id = (ring.headId - BigInt(back)) & ID_MASK;
    const record = yield* readRecord(id, ring, memory);
    if ('text' in record) {
      bytes += record.text.length + 1;
      if (bytes <= MAX_LOG_BYTES) records.push(record.text);
    } else if (record.lacks === 'end') break;
  }
  return records.length === 0 ? undefined : `${records.toReversed().join('\n')}\n`;
}

/** One record: its text, or why there is none. */
type LogRecord =
  | { readonly text: string }
  /** `end`: this record and all older ones are gone. `unfinished`: a CPU was writing it when it was stopped. */
  | { readonly lacks: 'end' | 'unfinished' };

const END: LogRecord = { lacks: 'end' };
const UNFINISHED: LogRecord = { lacks: 'unfinished' };

function* readRecord(
  id: bigint,
  { layout, countMask, descs, infos, sizeBits, data }: Ring,
  memory: PagedMemory,
): Reading<LogRecord> {
  const index = id & countMask;
  const desc = yield* memory.bytes(descs + index * BigInt(layout.descBytes), 24);
  if (desc === undefined) return END;
  const state = wordAt(desc, 0);
  if ((state & ID_MASK) !== id) return END;
  const kind = state >> STATE_SHIFT;
  if (kind !== COMMITTED && kind !== FINALIZED) return kind === 0n ? UNFINISHED : END;
  const info = yield* memory.bytes(infos + index * BigInt(layout.infoBytes), layout.infoBytes);
  if (info === undefined) return END;
  const length = new DataView(info.buffer, info.byteOffset).getUint16(layout.lengthOffset, true);
  const begin = wordAt(desc, 8);
  const next = wordAt(desc, 16);
  const stamp = stampOf(wordAt(info, layout.timeOffset));
  if ((begin & DATALESS) !== 0n || length === 0) return { text: stamp };
  const size = 1n << sizeBits;
  // A block that would not fit before the end of the ring is at its start (prb's data_alloc(), get_data()).
  const wraps = begin >> sizeBits !== next >> sizeBits && (next & (size - 1n)) !== 0n;
  const block = wraps ? 0n : begin & (size - 1n);
  const room = wraps ? next & (size - 1n) : next - begin;
  if (room <= BLOCK_HEADER_BYTES || room > size) return UNFINISHED;
  const count = Math.min(length, Number(room - BLOCK_HEADER_BYTES), MAX_TEXT_BYTES);
  const bytes = yield* memory.bytes(data + block, Number(BLOCK_HEADER_BYTES) + count);
  // The text of an old record was overwritten by newer ones.
  if (bytes === undefined || wordAt(bytes, 0) !== id) return END;
  const text = latin1(bytes.subarray(Number(BLOCK_HEADER_BYTES)));
  const lines = text.split('\n').map((line) => `${stamp}${line}`);
  return { text: lines.join('\n') };
}

/** kernel/printk/printk.c, print_time() (v6.1). */
function stampOf(ns: bigint): string {
  const us = ns / NS_PER_US;
  const fraction = String(us % US_PER_S).padStart(6, '0');
  return `[${String(us / US_PER_S).padStart(5)}.${fraction}] `;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
