import type { AddressRange, Armed } from '../model/event.js';

/** The statement of the proof of a flipped byte. */
export const FLIP_STATEMENT = 'a byte of the loaded crash image differs from what was loaded';

/**
 * The physical address of a byte in the largest loaded segment, which purgatory's digest covers: kexec-tools leaves out
 * only the segment of purgatory itself (2.0.25, kexec/kexec.c, update_purgatory()), and so does the kernel's
 * kexec_file_load (v6.1, kernel/kexec_file.c, kexec_calculate_store_digests()). `why` when there is none.
 */
export function findFlip(
  armed: Armed | undefined,
  offset: number,
): { readonly address: bigint; readonly name: string } | { readonly why: string } {
  if (armed?.loaded !== true) return { why: 'no crash image is loaded' };
  const { purgatory, segments } = armed;
  if (purgatory === undefined) {
    return { why: 'kexec did not tell the segments (kexec_file_load): where the image is, is not known' };
  }
  const digested = segments.filter(({ first }) => first !== purgatory.first);
  const [largest] = digested.toSorted((one, other) => Number(sizeOf(other) - sizeOf(one)));
  if (largest === undefined) return { why: 'there is no segment beside purgatory' };
  if (BigInt(offset) >= sizeOf(largest)) {
    return { why: `the largest segment has ${sizeOf(largest)} bytes, the offset is ${offset}` };
  }
  return {
    address: largest.first + BigInt(offset),
    name: `segment[${segments.indexOf(largest)}]+0x${offset.toString(16)}`,
  };
}

function sizeOf({ first, last }: AddressRange): bigint {
  return last - first + 1n;
}
