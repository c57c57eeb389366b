import { MAX_SYMBOLS, type SymbolTable, symbolTableOf } from './kallsyms.js';
import type { KernelSymbol } from './symbol.js';

/**
 * A kernel's own symbol table, as it is built into its image (scripts/kallsyms.c, kernel/kallsyms.c): names are strings
 * of tokens. Everything is found by its form, because the symbols of the tables themselves are what is looked for:
 *
 * - `kallsyms_num_syms`, `kallsyms_names` and `kallsyms_markers` follow each other, later come `kallsyms_token_table` and
 *   `kallsyms_token_index`, in all versions since v4.6; each is aligned to 8 bytes, on the newest kernels to 4 (seen on
 *   7.2).
 * - `kallsyms_offsets` and `kallsyms_relative_base` stand before them up to v6.3, after them since v6.4 (404bad70fcf7).
 * - An offset is relative to `kallsyms_relative_base`, below it and negative with CONFIG_KALLSYMS_ABSOLUTE_PERCPU (SMP up
 *   to v6.14; removed by 01157ddc58dc), where a positive one is an offset into the per-CPU area; on the newest kernels
 *   (seen on 7.2) it is relative to its own place, and there is no base.
 * - A name has a byte of length, since v6.1 two for lengths from 128 on (73bbb94466fd).
 */
export interface KernelImage {
  /** Virtual address of the first byte. */
  readonly base: bigint;
  /** The image as it is mapped; pages that cannot be read are zeros. */
  readonly bytes: Buffer;
}

/** The symbols that an image holds, and the version that it names itself. */
export interface ImageSymbols {
  readonly table: SymbolTable;
  /** In the order of the image. */
  readonly symbols: readonly KernelSymbol[];
  /** `6.1.0-56-amd64`, from the banner that one of the symbols names: proof that the addresses are right. */
  readonly release: string;
}

const TOKENS = 256;
const INDEX_BYTES = 2 * TOKENS;
/** A token is a piece of a name (KSYM_NAME_LEN is 512). */
const MOST_TOKEN_BYTES = 512;
/** Fewer symbols has no kernel that can kexec. */
const LEAST_SYMBOLS = 1000;
/** The names of a large kernel have some 3 MiB. */
const MOST_NAME_BYTES = 32 * 1024 * 1024;
const MARKED = 256;
/** Of the tables, bytes. */
const ALIGNMENTS = [8, 4] as const;
type Alignment = (typeof ALIGNMENTS)[number];
/** init/version.c, linux_banner[] (v6.1). */
const BANNER = /^Linux version ([!-~]{1,128}) \(/;
/** Tokens of digits stand for themselves, because names contain each of them (scripts/kallsyms.c). */
const DIGITS = Buffer.from('0\x001\x002\x003\x004\x005\x006\x007\x008\x009\0', 'latin1');
const FIRST_DIGIT = 0x30;

/** Finds and decodes the symbol table of an image. Undefined when it holds none that proves itself by the banner. */
export function readImageSymbols({ base, bytes }: KernelImage): ImageSymbols | undefined {
  for (let at = bytes.indexOf(DIGITS); at >= 0; at = bytes.indexOf(DIGITS, at + 1)) {
    for (const symbols of symbolsAround(at, { base, bytes })) {
      const release = releaseIn(symbols, { base, bytes });
      if (release !== undefined) return { table: symbolTableOf(symbols), symbols, release };
    }
  }
  return undefined;
}

/** Every reading of the tables around the tokens of the digits, each lazily. */
function* symbolsAround(digits: number, { base, bytes }: KernelImage): Generator<KernelSymbol[]> {
  for (const alignment of ALIGNMENTS) {
    const tokens = tokensAround(digits, { alignment, bytes });
    const names = tokens === undefined ? undefined : namesBefore(tokens, bytes);
    if (tokens === undefined || names === undefined) continue;
    const decoded = decodeNames(names, { tokens, bytes });
    for (const addresses of addressesOf({ names, tokens, image: { base, bytes } })) {
      yield decoded.map(({ type, name }, index) => ({ address: addresses[index] ?? 0n, type, name }));
    }
  }
}

interface Tokens {
  readonly alignment: Alignment;
  readonly start: number;
  /** After the index. */
  readonly end: number;
  readonly texts: readonly string[];
}

/** The token table around the tokens of the digits: 256 strings, and after them their offsets. */
function tokensAround(
  digits: number,
  { alignment, bytes }: { readonly alignment: Alignment; readonly bytes: Buffer },
): Tokens | undefined {
  let end = digits;
  for (let token = FIRST_DIGIT; token < TOKENS; token += 1) {
    const zero = bytes.indexOf(0, end);
    if (zero < 0 || zero - end > MOST_TOKEN_BYTES) return undefined;
    end = zero + 1;
  }
  const index = align(end, alignment);
  if (index + INDEX_BYTES > bytes.length) return undefined;
  const start = digits - bytes.readUInt16LE(index + 2 * FIRST_DIGIT);
  if (start < 0) return undefined;
  const texts: string[] = [];
  let at = start;
  for (let token = 0; token < TOKENS; token += 1) {
    if (bytes.readUInt16LE(index + 2 * token) !== at - start) return undefined;
    const zero = bytes.indexOf(0, at);
    if (zero < 0 || zero - at > MOST_TOKEN_BYTES) return undefined;
    texts.push(bytes.toString('latin1', at, zero));
    at = zero + 1;
  }
  return at === end ? { alignment, start, end: index + INDEX_BYTES, texts } : undefined;
}

interface Names {
  /** Of `kallsyms_num_syms`. */
  readonly countAt: number;
  readonly count: number;
  /** Of `kallsyms_names`. */
  readonly start: number;
}

/** The names before the token table: a count, as many names, and their markers. */
function namesBefore({ start: tokens, alignment }: Tokens, bytes: Buffer): Names | undefined {
  const least = Math.max(0, tokens - MOST_NAME_BYTES);
  for (let start = tokens - (tokens % alignment); start >= least + alignment; start -= alignment) {
    const countAt = start - alignment;
    const count = bytes.readUInt32LE(countAt);
    if (count < LEAST_SYMBOLS || count > MAX_SYMBOLS) continue;
    // A name has two bytes or more.
    if (start + 2 * count > tokens) continue;
    if (areNames({ start, count }, { end: tokens, alignment, bytes })) return { countAt, count, start };
  }
  return undefined;
}

/** Whether as many names as that stand there, followed by the offset of every 256th of them. */
function areNames(
  { start, count }: { readonly start: number; readonly count: number },
  { end, alignment, bytes }: { readonly end: number; readonly alignment: Alignment; readonly bytes: Buffer },
): boolean {
  const markers: number[] = [];
  let at = start;
  for (let index = 0; index < count; index += 1) {
    if (index % MARKED === 0) markers.push(at - start);
    const [length, head] = lengthAt(at, bytes);
    if (length === 0) return false;
    at += head + length;
    if (at >= end) return false;
  }
  // 32 bits since v4.20 (80ffbaa5b1bd).
  const markersAt = align(at, alignment);
  if (markersAt + 4 * markers.length > end) return false;
  return markers.every((marker, index) => bytes.readUInt32LE(markersAt + 4 * index) === marker);
}

/** The length of the name there, and the bytes that say it. */
function lengthAt(at: number, bytes: Buffer): [length: number, head: number] {
  const first = bytes[at] ?? 0;
  return first < 0x80 ? [first, 1] : [(first & 0x7f) | ((bytes[at + 1] ?? 0) << 7), 2];
}

interface Name {
  readonly type: string;
  readonly name: string;
}

function decodeNames(
  { start, count }: Names,
  { tokens, bytes }: { readonly tokens: Tokens; readonly bytes: Buffer },
): Name[] {
  const names: Name[] = [];
  let at = start;
  for (let index = 0; index < count; index += 1) {
    const [length, head] = lengthAt(at, bytes);
    at += head;
    let text = '';
    for (const end = at + length; at < end && text.length <= MOST_TOKEN_BYTES; at += 1) {
      text += tokens.texts[bytes[at] ?? 0] ?? '';
    }
    // A name that is too long is cut, and its other tokens are skipped.
    if (text.length > MOST_TOKEN_BYTES) at = start + offsetOf(index + 1, { start, bytes });
    names.push({ type: text.slice(0, 1), name: text.slice(1, MOST_TOKEN_BYTES) });
  }
  return names;
}

function offsetOf(
  index: number,
  { start, bytes }: { readonly start: number; readonly bytes: Buffer },
): number {
  let at = start;
  for (let name = 0; name < index; name += 1) {
    const [length, head] = lengthAt(at, bytes);
    at += head + length;
  }
  return at - start;
}

interface Found {
  readonly names: Names;
  readonly tokens: Tokens;
  readonly image: KernelImage;
}

/** Every reading of the offsets that the versions know, each lazily. */
function* addressesOf({
  names: { countAt, count },
  tokens,
  image: { base, bytes },
}: Found): Generator<bigint[]> {
  const size = align(4 * count, tokens.alignment);
  for (const { at, baseAt } of [
    // Up to v6.3.
    { at: countAt - 8 - size, baseAt: countAt - 8 },
    // Since v6.4.
    { at: tokens.end, baseAt: tokens.end + size },
  ]) {
    if (at < 0 || at + size > bytes.length) continue;
    const offsets = Array.from({ length: count }, (_, index) => bytes.readInt32LE(at + 4 * index));
    if (baseAt + 8 <= bytes.length) {
      const relative = bytes.readBigUInt64LE(baseAt);
      yield offsets.map((offset) => (offset >= 0 ? BigInt(offset) : relative - 1n - BigInt(offset)));
      yield offsets.map((offset) => relative + BigInt(offset >>> 0));
    }
    yield offsets.map((offset, index) => base + BigInt(at + 4 * index + offset));
  }
}

/** The release in the banner, when the symbol leads to it. */
function releaseIn(symbols: readonly KernelSymbol[], { base, bytes }: KernelImage): string | undefined {
  const banner = symbols.find(({ name }) => name === 'linux_banner');
  if (banner === undefined) return undefined;
  const at = banner.address - base;
  if (at < 0n || at >= BigInt(bytes.length)) return undefined;
  return BANNER.exec(bytes.toString('latin1', Number(at), Number(at) + 160))?.[1];
}

function align(value: number, to: Alignment): number {
  return Math.ceil(value / to) * to;
}
