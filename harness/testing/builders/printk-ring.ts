import { parseKallsyms, type SymbolTable } from '../../symbols/index.js';

const TEXT = 0xffffffff81000000n;
const PRB = TEXT + 0x100000n;
const RING = TEXT + 0x101000n;
const DESCS = TEXT + 0x110000n;
const INFOS = TEXT + 0x120000n;
const DATA = TEXT + 0x140000n;
const BANNER = TEXT + 0x200100n;
const VMCOREINFO = TEXT + 0x202000n;
const VMCOREINFO_DATA = TEXT + 0x203000n;
const VMCOREINFO_SIZE = TEXT + 0x203008n;

/** A record for {@link madeRing}. */
export interface MadeRecord {
  readonly text: string;
  readonly ns?: bigint;
  /** 0 reserved, 1 committed, 2 finalized (when absent), 3 reusable. */
  readonly state?: bigint;
  /** The length that the record claims; its text's when absent. */
  readonly claims?: number;
}

/** Options of {@link madeRing}. */
export interface MadeRing {
  readonly sizeBits?: number;
  readonly countBits?: number;
  readonly vmcoreinfo?: string;
  /** Offset of text_data_ring in the structure. */
  readonly textDataRing?: number;
  readonly release?: string;
}

/** The memory of a kernel image with a printk ring buffer that holds records, oldest first. */
export class MadeKernelMemory {
  readonly bytes = new Map<bigint, Buffer>();
  readonly #options: Required<Omit<MadeRing, 'vmcoreinfo'>>;

  constructor(records: readonly MadeRecord[], options: MadeRing = {}) {
    this.#options = {
      sizeBits: 12,
      countBits: 5,
      textDataRing: 48,
      release: '6.1.0-56-amd64',
      ...options,
    };
    const { sizeBits, countBits, textDataRing, release } = this.#options;
    this.word(PRB, RING);
    this.word(RING, BigInt(countBits));
    this.word(RING + 8n, DESCS);
    this.word(RING + 16n, INFOS);
    this.word(RING + 24n, BigInt(records.length - 1));
    this.word(RING + BigInt(textDataRing), BigInt(sizeBits));
    this.word(RING + BigInt(textDataRing) + 8n, DATA);
    this.write(BANNER, Buffer.from(`Linux version ${release} (made)`, 'latin1'));
    if (options.vmcoreinfo !== undefined) {
      this.write(VMCOREINFO, Buffer.from(options.vmcoreinfo, 'latin1'));
      this.word(VMCOREINFO_DATA, VMCOREINFO);
      this.word(VMCOREINFO_SIZE, BigInt(options.vmcoreinfo.length));
    }
    let begin = 0n;
    for (const [id, record] of records.entries()) begin = this.#record(BigInt(id), record, begin);
  }

  /** The symbols of this image as another boot had them, `earlier` bytes lower. */
  symbols(earlier = 0n): SymbolTable {
    const line = (address: bigint, type: string, name: string) =>
      `${(address - earlier).toString(16)} ${type} ${name}\n`;
    const parsed = parseKallsyms(
      [
        line(TEXT, 'T', '_text'),
        line(PRB, 'd', 'prb'),
        line(BANNER, 'R', 'linux_banner'),
        line(VMCOREINFO_DATA, 'b', 'vmcoreinfo_data'),
        line(VMCOREINFO_SIZE, 'b', 'vmcoreinfo_size'),
      ].join(''),
    );
    if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
    return parsed.table;
  }

  word(address: bigint, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    this.write(address, bytes);
  }

  write(address: bigint, bytes: Buffer): void {
    for (const [index, byte] of bytes.entries()) {
      const at = address + BigInt(index);
      const page = this.bytes.get(at & ~0xfffn) ?? Buffer.alloc(4096);
      page[Number(at & 0xfffn)] = byte;
      this.bytes.set(at & ~0xfffn, page);
    }
  }

  /** Reads within one page; pages without content are not mapped. */
  read({ address, length }: { address: bigint; length: number }): Buffer | undefined {
    const offset = Number(address & 0xfffn);
    return this.bytes.get(address & ~0xfffn)?.subarray(offset, offset + length);
  }

  /** Writes a record at a logical position and returns the next one, as the kernel's data_alloc() does. */
  #record(id: bigint, { text, ns = 1_234_567_891n, state = 2n, claims }: MadeRecord, begin: bigint): bigint {
    const { sizeBits, countBits } = this.#options;
    const size = 1n << BigInt(sizeBits);
    const index = id & ((1n << BigInt(countBits)) - 1n);
    const bytes = Buffer.from(text, 'latin1');
    const need = (BigInt(8 + bytes.length) + 7n) & ~7n;
    const wraps = begin / size !== (begin + need) / size;
    const next = wraps ? (begin / size + 1n) * size + need : begin + need;
    const block = DATA + (wraps ? 0n : begin % size);
    const desc = DESCS + index * 24n;
    this.word(desc, (state << 62n) | id);
    this.word(desc + 8n, text === '' ? 3n : begin);
    this.word(desc + 16n, text === '' ? 3n : next);
    const info = Buffer.alloc(88);
    info.writeBigUInt64LE(id, 0);
    info.writeBigUInt64LE(ns, 8);
    info.writeUInt16LE(claims ?? bytes.length, 16);
    this.write(INFOS + index * 88n, info);
    if (text === '') return begin;
    this.word(block, id);
    this.write(block + 8n, bytes);
    return next;
  }
}

/** Addresses that tests change. */
export const MADE_RING = { PRB, RING, DESCS, INFOS, DATA, BANNER } as const;
