import { PAGE_BYTES } from './chunk-sums.js';

/** 32-bit words of a page's digest: the two sums of the capture kernel, then the two halves of NH. */
export const DIGEST_WORDS = 4;

/** Pages that the program takes at once: they stay in the processor's cache. */
const MOST_PAGES = 64;
/** Where the program's memory has the keys and the pages; the digests are at its beginning. */
const KEYS_AT = 0x1000;
const PAGES_AT = 0x10000;

/**
 * A WebAssembly program, which takes a seventh of the time of the same in JavaScript with zlib's CRC-32. Of each page:
 *
 * - the sums of `chunkSums`, of four lanes at a time;
 * - NH (RFC 4418, 5.2.2) of 64 bits: products of pairs of words, to each of which a key is added, modulo 2^64. A pair are
 *   the words with the same place in two neighbouring blocks of 16 bytes. Two different pages have the same NH with one of
 *   2^32 keys; and a change within one word changes the sums. 0 for a page of zeros.
 *
 * These are the bytes of page-digester.wat; a test assembles it and compares.
 */
export const PROGRAM = [
  'AGFzbQEAAAABBQFgAX8AAwIBAAUDAQAFBxMCBm1lbW9yeQIABmRpZ2VzdAAACoIDAf8CAgR/BntBgIAEIQEDQCAARQRADwsg',
  'AEEBayEAIAFBgCBqIQJBgCAhA/0MAAAAAAAAAAAAAAAAAAAAACEH/QwAAAAAAAAAAAAAAAAAAAAAIQj9DAAAAAAAAAAAAAAA',
  'AAAAAAAhCf0MAAAAAAAAAAAAAAAAAAAAACEKA0AgAf0ABAAhBSAB/QAEECEGIAkgBSAG/VD9UCEJIAcgBf2uASEHIAggB/2u',
  'ASEIIAcgBv2uASEHIAggB/2uASEIIAUgA/0ABAD9rgEhBSAGIAP9AAQQ/a4BIQYgCiAFIAb93gEgBSAG/d8B/c4B/c4BIQog',
  'A0EgaiEDIAFBIGohASABIAJJDQALIAQgB/0bACAH/RsBaiAH/RsCIAf9GwNqajYCACAIQQL9qwEgB/0MAAAAAAEAAAACAAAA',
  'AwAAAP21Af2xASEIIAQgCP0bACAI/RsBaiAI/RsCIAj9GwNqajYCBCAEIAr9HQAgCv0dAXxCACAJ/VMbNwMIIARBEGohBAwA',
  'Cws=',
].join('');

/** What is used of WebAssembly (https://webassembly.github.io/spec/js-api/), of which Node's types know nothing. */
declare const WebAssembly: {
  readonly Module: new (program: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Program };
};

interface Program {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Digests the first pages. */
  digest(pages: number): void;
}

/** A program with its memory. */
interface Digester {
  readonly program: Program;
  readonly pages: Uint8Array;
  readonly digests: Uint32Array;
}

let started: Digester | undefined;

function start(): Digester {
  const { exports: program } = new WebAssembly.Instance(
    new WebAssembly.Module(Buffer.from(PROGRAM, 'base64')),
  );
  const { buffer } = program.memory;
  new Uint32Array(buffer, KEYS_AT, PAGE_BYTES / 4).set(digestKeys());
  return {
    program,
    pages: new Uint8Array(buffer, PAGES_AT, MOST_PAGES * PAGE_BYTES),
    digests: new Uint32Array(buffer, 0, MOST_PAGES * DIGEST_WORDS),
  };
}

/** The keys of NH: the same ones each time, without a pattern (splitmix32). */
export function digestKeys(): Uint32Array {
  return Uint32Array.from({ length: PAGE_BYTES / 4 }, (_, index) => {
    let key = Math.imul(index + 1, 0x9e3779b9);
    key = Math.imul(key ^ (key >>> 16), 0x21f0aaad);
    key = Math.imul(key ^ (key >>> 15), 0x735a2d97);
    return key ^ (key >>> 15);
  });
}

/** Writes the digests of whole pages of memory into `into`, from the digest of page `first` on. */
export function digestPages(memory: Buffer, into: Uint32Array, first: number): void {
  started ??= start();
  const { program, pages, digests } = started;
  for (let at = 0; at < memory.length; at += pages.length) {
    const part = memory.subarray(at, at + pages.length);
    const count = part.length / PAGE_BYTES;
    pages.set(part);
    program.digest(count);
    into.set(digests.subarray(0, count * DIGEST_WORDS), (first + at / PAGE_BYTES) * DIGEST_WORDS);
  }
}
