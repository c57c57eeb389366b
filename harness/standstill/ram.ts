/** The machine's memory map, as far as it decides whether an address is RAM. */
export interface MemoryMap {
  readonly memoryMiB: number;
  /** QEMU's machine type, options included. */
  readonly type: string;
}

const MIB = 1n << 20n;
const FOUR_GIB = 1n << 32n;
/** The VGA window and the ROMs below 1 MiB. */
const HOLE = { first: 0xa0000n, end: 0x100000n };

/**
 * Whether a guest-physical address is RAM, and no register of a device. RAM that does not fit below 4 GiB continues
 * there: the split is at 3.5 GiB, or 3 GiB when there is more (pc), and at 2.75 GiB, or 2 GiB (q35 and others; QEMU 7.2,
 * hw/i386/pc_piix.c, pc_init1(), and pc_q35.c, pc_q35_init()), or lower with the property max-ram-below-4g.
 */
export function isRam(physical: bigint, { memoryMiB, type }: MemoryMap): boolean {
  const total = BigInt(memoryMiB) * MIB;
  const isPc = /^(?:type=)?(?:pc|pc-i440fx[^,]*|isapc)(?:,|$)/.test(type);
  const [most, split] = isPc ? [0xe0000000n, 0xc0000000n] : [0xb0000000n, 0x80000000n];
  const limit = limitOf(type);
  const low = total < smaller(most, limit) ? total : smaller(split, limit);
  if (physical >= HOLE.first && physical < HOLE.end) return false;
  if (physical < FOUR_GIB) return physical < low;
  return physical < FOUR_GIB + (total - low);
}

/** The value of max-ram-below-4g; 0 for one that is not understood, so that no address below 4 GiB counts as RAM. */
function limitOf(type: string): bigint {
  const value = /(?:^|,)max-ram-below-4g=([^,]*)/.exec(type)?.[1];
  if (value === undefined) return FOUR_GIB;
  const [, number, unit = ''] = /^(\d{1,12})([KMG]?)$/i.exec(value) ?? [];
  const shift = { '': 0n, K: 10n, M: 20n, G: 30n }[unit.toUpperCase()] ?? 0n;
  return number === undefined ? 0n : BigInt(number) << shift;
}

function smaller(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
