/** A range of guest-physical addresses; `end` is behind its last byte. */
export interface PhysicalRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** `0000000001000000: 0x0011223344556677 0x...`. */
const LINE = /^([0-9a-f]{8,16}):((?: 0x[0-9a-f]{16}){1,2})$/;
const WORD_BYTES = 8;

/** The HMP command that prints physical memory as words of eight bytes; both numbers are multiples of 8. */
export function readCommand(address: bigint, length: number): string {
  return `xp /${length / WORD_BYTES}gx 0x${address.toString(16)}`;
}

/** Reads the text of {@link readCommand} (QEMU 7.2, monitor/misc.c, memory_dump()). Undefined when it is not all there. */
export function readMemoryText(
  text: string,
  { address, length }: { readonly address: bigint; readonly length: number },
): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  let at = 0;
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue;
    const [, where, words = ''] = LINE.exec(line) ?? [];
    if (where === undefined || BigInt(`0x${where}`) !== address + BigInt(at)) return undefined;
    for (const word of words.trim().split(' ')) {
      if (at + WORD_BYTES > length) return undefined;
      bytes.writeBigUInt64LE(BigInt(word), at);
      at += WORD_BYTES;
    }
  }
  return at === length ? bytes : undefined;
}

/** `  0000000000100000-000000002fffffff (prio 0, ram): pc.ram @0000000000100000 KVM`. */
const REGION = /^\s+([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (ram|rom|nv-ram)\): /;
const SYSTEM_VIEW = /^ AS "memory", root: system\r?$/m;

/** The lines of the system's memory in the text of HMP `info mtree -f`; undefined when it does not show that. */
function readRegions(text: string): (PhysicalRange & { readonly kind: string })[] | undefined {
  const view = text.split(/^FlatView #\d+\r?\n/m).find((part) => SYSTEM_VIEW.test(part));
  return view?.split('\n').flatMap((line) => {
    const [, first, last, kind] = REGION.exec(line) ?? [];
    if (first === undefined || last === undefined || kind === undefined) return [];
    return [{ start: BigInt(`0x${first}`), end: BigInt(`0x${last}`) + 1n, kind }];
  });
}

/**
 * Ranges of RAM and ROM in the text of HMP `info mtree -f` (QEMU 7.2, softmmu/memory.c, mtree_print_flatview()), in
 * ascending order, neighbours joined. Reading other addresses would read registers of devices, which may change them.
 * Undefined when the text does not show the system's memory.
 */
export function readMemoryRanges(text: string): PhysicalRange[] | undefined {
  const regions = readRegions(text);
  if (regions === undefined) return undefined;
  const ranges: { start: bigint; end: bigint }[] = [];
  for (const { start, end } of regions) {
    const before = ranges.at(-1);
    if (before?.end === start) before.end = end;
    else ranges.push({ start, end });
  }
  return ranges;
}

/** The ranges of RAM in the same text, each one piece of QEMU's own memory. Undefined when it does not show them. */
export function readRamRegions(text: string): PhysicalRange[] | undefined {
  return readRegions(text)?.flatMap(({ start, end, kind }) => (kind === 'ram' ? [{ start, end }] : []));
}

const HOST_ADDRESS = /^Host virtual address for 0x[0-9a-f]+ \(.*\) is 0x([0-9a-f]{1,13})\r?\n?$/;

/**
 * The address in QEMU's process in the text of HMP `gpa2hva ADDRESS` (QEMU 7.2, monitor/misc.c, hmp_gpa2hva());
 * undefined where the guest has no RAM there.
 */
export function readHostAddress(text: string): number | undefined {
  const [, address] = HOST_ADDRESS.exec(text) ?? [];
  return address === undefined ? undefined : Number.parseInt(address, 16);
}
