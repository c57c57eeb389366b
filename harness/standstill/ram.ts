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
 * hw/i386/pc_piix.c, pc_init1(), and pc_q35.c, pc_q35_init()).
 */
export function isRam(physical: bigint, { memoryMiB, type }: MemoryMap): boolean {
  const total = BigInt(memoryMiB) * MIB;
  const isPc = /^(?:type=)?(?:pc|pc-i440fx[^,]*|isapc)(?:,|$)/.test(type);
  const [most, split] = isPc ? [0xe0000000n, 0xc0000000n] : [0xb0000000n, 0x80000000n];
  const low = total < most ? total : split;
  if (physical >= HOLE.first && physical < HOLE.end) return false;
  if (physical < FOUR_GIB) return physical < low;
  return physical < FOUR_GIB + (total - low);
}
