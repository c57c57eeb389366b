/** Linux's own limit on x86 (NR_CPUS, arch/x86/Kconfig, v6.1). */
const MOST_CPUS = 8192;

/**
 * Reads a list of CPUs as the kernel prints it (`0-3,6`; lib/bitmap.c, bitmap_print_to_pagebuf(), v6.1), ascending.
 * Undefined when the text is no such list.
 */
export function parseCpuList(text: string): number[] | undefined {
  const cpus = new Set<number>();
  for (const part of text.trim().split(',')) {
    const range = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part);
    if (range?.[1] === undefined) return undefined;
    const first = Number(range[1]);
    const last = Number(range[2] ?? range[1]);
    if (last < first || last >= MOST_CPUS) return undefined;
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return [...cpus].sort((one, other) => one - other);
}
