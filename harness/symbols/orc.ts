import { type PagedMemory, type Reading } from './guest-memory.js';
import type { SymbolTable } from './kallsyms.js';

/**
 * The encoding of an entry's type bits. `calls-are-zero`: CALL 0, REGS 1, REGS_PARTIAL 2 and bits for `end` and (v6.3
 * only) `signal`; from v4.14 (commit ee9f8fce9964) to v6.3 (ffb1b4a41016). `calls-are-two`: UNDEFINED 0, END_OF_STACK
 * 1, CALL 2, REGS 3, REGS_PARTIAL 4; since v6.4 (commit fb799447ae29). `stack-is-three`: the same types, and the
 * registers have other numbers; measured on Debian's 7.2.13. Vendors backport changes, so the format is detected from the
 * entries, not from the release.
 */
export type OrcFormat = 'calls-are-zero' | 'calls-are-two' | 'stack-is-three';

/** Registers that an entry can start from (arch/x86/include/asm/orc_types.h). */
export type OrcRegister =
  | 'undefined'
  | 'previous-sp'
  | 'dx'
  | 'di'
  | 'bp'
  | 'sp'
  | 'r10'
  | 'r13'
  | 'bp-indirect'
  | 'sp-indirect';

/** How to find the caller's frame from any instruction that an entry covers. Offsets in bytes. */
export interface OrcEntry {
  readonly kind: 'call' | 'regs' | 'regs-partial' | 'end-of-stack' | 'undefined';
  readonly spRegister: OrcRegister;
  readonly spOffset: number;
  readonly bpRegister: OrcRegister;
  readonly bpOffset: number;
}

/** Location and format of the running kernel's tables. */
export interface OrcTables {
  readonly ipAddress: bigint;
  readonly entryAddress: bigint;
  readonly count: number;
  readonly format: OrcFormat;
}

/** `struct orc_entry`: s16 sp_offset, s16 bp_offset, 16 bits of fields; packed. */
const ENTRY_BYTES = 6;
const IP_BYTES = 4;
/** Entries that are inspected to distinguish the formats. */
const SAMPLE_ENTRIES = 512;
/** Debian's 6.1 has 384,849 entries. */
const MAX_ENTRIES = 8_000_000;

/** Up to v6.12 at least. */
const REGISTERS: readonly (OrcRegister | undefined)[] = [
  'undefined',
  'previous-sp',
  'dx',
  'di',
  'bp',
  'sp',
  'r10',
  'r13',
  'bp-indirect',
  'sp-indirect',
];

/**
 * Read off the tables and the code of Debian's 7.2.13: entries of functions start from 3, those with frame pointers from 4
 * and save it below 8, asm_exc_nmi copies a frame from RDX (2), realigned stacks start from R10 (6) or R13 (7), calls on
 * another stack from 9, parts of functions with realigned stacks from 10. 1 and 5 are in no entry.
 */
const NEWER_REGISTERS: readonly (OrcRegister | undefined)[] = [
  'undefined',
  undefined,
  'dx',
  'sp',
  'bp',
  undefined,
  'r10',
  'r13',
  'previous-sp',
  'sp-indirect',
  'bp-indirect',
];
const SP = { older: REGISTERS.indexOf('sp'), newer: NEWER_REGISTERS.indexOf('sp') } as const;

/**
 * Finds the tables by their symbols; undefined when the kernel has none (built with frame pointers), when the
 * symbols do not fit together, or when the sampled entries look like no known format.
 */
export function* findOrcTables(table: SymbolTable, memory: PagedMemory): Reading<OrcTables | undefined> {
  const [ipAddress, ipEnd, entryAddress, entryEnd] = [
    '__start_orc_unwind_ip',
    '__stop_orc_unwind_ip',
    '__start_orc_unwind',
    '__stop_orc_unwind',
  ].map((name) => table.named(name)[0]?.address);
  if (ipAddress === undefined || ipEnd === undefined) return undefined;
  if (entryAddress === undefined || entryEnd === undefined) return undefined;
  const count = Number(ipEnd - ipAddress) / IP_BYTES;
  if (!Number.isInteger(count) || count <= 0 || count > MAX_ENTRIES) return undefined;
  if (entryEnd - entryAddress !== BigInt(count * ENTRY_BYTES)) return undefined;
  const sampled = Math.min(SAMPLE_ENTRIES, count);
  const first = entryAddress + BigInt(Math.floor((count - sampled) / 2) * ENTRY_BYTES);
  const sample = yield* memory.bytes(first, sampled * ENTRY_BYTES);
  const format = sample === undefined ? undefined : formatOf(sample);
  return format === undefined ? undefined : { ipAddress, entryAddress, count, format };
}

/**
 * Distinguishes the formats by the type of nearly all entries, which is CALL, and by the register that most of these start
 * from, which is the stack pointer. Undefined when neither reading makes at least three quarters of the entries calls.
 * Padding between functions, which has empty entries, does not count.
 */
export function formatOf(entries: Uint8Array): OrcFormat | undefined {
  const count = Math.floor(entries.length / ENTRY_BYTES);
  let [used, zero, two, older, newer] = [0, 0, 0, 0, 0];
  for (let i = 0; i < count; i += 1) {
    const flags = flagsOf(entries, i * ENTRY_BYTES);
    if (flags === 0) continue;
    used += 1;
    const type = (flags >> 8) & 7;
    if (type === 0) zero += 1;
    if (type === 2) two += 1;
    if ((flags & 0xf) === SP.older) older += 1;
    if ((flags & 0xf) === SP.newer) newer += 1;
  }
  if (used === 0 || Math.max(zero, two) * 4 < used * 3) return undefined;
  if (zero > two) return 'calls-are-zero';
  return newer > older ? 'stack-is-three' : 'calls-are-two';
}

/** Decodes the six bytes at an offset. An entry with an unknown register or type is `undefined`. */
export function decodeOrcEntry(bytes: Uint8Array, offset: number, format: OrcFormat): OrcEntry {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = flagsOf(bytes, offset);
  const names = format === 'stack-is-three' ? NEWER_REGISTERS : REGISTERS;
  const spRegister = names[flags & 0xf];
  const bpRegister = names[(flags >> 4) & 0xf];
  const known = spRegister !== undefined && bpRegister !== undefined;
  return {
    kind: known ? kindOf(flags, format) : 'undefined',
    spRegister: spRegister ?? 'undefined',
    spOffset: view.getInt16(offset, true),
    bpRegister: bpRegister ?? 'undefined',
    bpOffset: view.getInt16(offset + 2, true),
  };
}

/**
 * The entry that covers an instruction: the last one that starts at or before it. The tables are sorted at build
 * time or early in boot (arch/x86/kernel/unwind_orc.c, unwind_init()). Modules have tables of their own, which no
 * symbol names: undefined for them.
 */
export function* findOrcEntry(
  tables: OrcTables,
  memory: PagedMemory,
  ip: bigint,
): Reading<OrcEntry | undefined> {
  let low = 0;
  let high = tables.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = yield* startOf(tables, memory, middle);
    if (start === undefined) return undefined;
    if (start <= ip) low = middle + 1;
    else high = middle;
  }
  // Beyond the last entry there is no kernel text.
  if (low === 0 || low === tables.count) return undefined;
  const at = tables.entryAddress + BigInt((low - 1) * ENTRY_BYTES);
  const bytes = yield* memory.bytes(at, ENTRY_BYTES);
  return bytes === undefined ? undefined : decodeOrcEntry(bytes, 0, tables.format);
}

/** Code from `start` up to the next one's, and how to find the caller's frame there. */
export interface OrcRange {
  readonly start: bigint;
  readonly entry: OrcEntry;
}

/** Entries of one read of the tables. */
const ENTRIES_AT_A_TIME = 65_536;

/** All entries of the kernel's own tables, in order; undefined when they cannot be read. */
export function* readOrcRanges(tables: OrcTables, memory: PagedMemory): Reading<OrcRange[] | undefined> {
  const ranges: OrcRange[] = [];
  for (let first = 0; first < tables.count; first += ENTRIES_AT_A_TIME) {
    const count = Math.min(ENTRIES_AT_A_TIME, tables.count - first);
    const ipsAt = tables.ipAddress + BigInt(first * IP_BYTES);
    const ips = yield* memory.bytes(ipsAt, count * IP_BYTES);
    const entries = yield* memory.bytes(
      tables.entryAddress + BigInt(first * ENTRY_BYTES),
      count * ENTRY_BYTES,
    );
    if (ips === undefined || entries === undefined) return undefined;
    const offsets = new DataView(ips.buffer, ips.byteOffset, ips.byteLength);
    for (let index = 0; index < count; index += 1) {
      const at = ipsAt + BigInt(index * IP_BYTES);
      ranges.push({
        start: at + BigInt(offsets.getInt32(index * IP_BYTES, true)),
        entry: decodeOrcEntry(entries, index * ENTRY_BYTES, tables.format),
      });
    }
  }
  return ranges;
}

/** Entry i covers from `&ip[i] + ip[i]` on: each offset is relative to its own address. */
function* startOf(tables: OrcTables, memory: PagedMemory, index: number): Reading<bigint | undefined> {
  const at = tables.ipAddress + BigInt(index * IP_BYTES);
  const bytes = yield* memory.bytes(at, IP_BYTES);
  if (bytes === undefined) return undefined;
  return at + BigInt(new DataView(bytes.buffer, bytes.byteOffset, IP_BYTES).getInt32(0, true));
}

function kindOf(flags: number, format: OrcFormat): OrcEntry['kind'] {
  if (format !== 'calls-are-zero') {
    const kinds = ['undefined', 'end-of-stack', 'call', 'regs', 'regs-partial'] as const;
    return kinds[(flags >> 8) & 7] ?? 'undefined';
  }
  // No base register: the end of the stack when its bit is set (bit 10 before v6.3, bit 11 in v6.3), else no data.
  if ((flags & 0xf) === 0) return (flags & 0xc00) === 0 ? 'undefined' : 'end-of-stack';
  const kinds = ['call', 'regs', 'regs-partial'] as const;
  return kinds[(flags >> 8) & 3] ?? 'undefined';
}

function flagsOf(bytes: Uint8Array, offset: number): number {
  return (bytes[offset + 4] ?? 0) | ((bytes[offset + 5] ?? 0) << 8);
}
