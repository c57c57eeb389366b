import type { Armed } from '../model/event.js';
import { bytesOf } from '../timeline/armed.js';
import { keyOf, valueOf, wordsOf } from './command-line.js';
import { bytesAskedFor } from './crashkernel.js';

/**
 * What the kernel really reserved for the crash kernel, as a statement for the record of a run; `append` is the first
 * kernel's command line. Another size than the one that was asked for is stated: the kernel rounds, and adds low memory.
 */
export function judgeReservation(
  append: string,
  { ranges, crashSize }: Pick<Armed, 'ranges' | 'crashSize'>,
): { readonly what: string; readonly proved: boolean; readonly saw: string } {
  const words = wordsOf(append).filter((word) => keyOf(word) === 'crashkernel');
  const asked = bytesAskedFor(words.map((word) => valueOf(word) ?? ''));
  const reserved = bytesOf(ranges);
  const differs = asked !== undefined && ranges.length > 0 && asked !== reserved;
  return {
    what: `memory is reserved for the crash kernel (${words.join(' ') || 'no crashkernel='})`,
    proved: ranges.length > 0 || crashSize > 0n,
    saw: `${reservationText({ ranges, crashSize })}${differs ? `; asked for: ${mebibytes(asked)}` : ''}`,
  };
}

/** `128 MiB at 0x177000000 and 72 MiB at 0x7b000000`. */
export function reservationText({ ranges, crashSize }: Pick<Armed, 'ranges' | 'crashSize'>): string {
  if (ranges.length === 0) return crashSize > 0n ? `${mebibytes(crashSize)}, place unknown` : 'nothing';
  return ranges
    .map((range) => `${mebibytes(bytesOf([range]))} at 0x${range.first.toString(16)}`)
    .join(' and ');
}

/** `192 MiB`, `63.6 MiB`. */
export function mebibytes(bytes: bigint): string {
  return `${(Number(bytes) / 1024 / 1024).toFixed(bytes % (1024n * 1024n) === 0n ? 0 : 1)} MiB`;
}
