import { KERNEL_IMAGE } from '../model/place.js';
import { pagedMemory, type Reading } from './guest-memory.js';
import type { SymbolTable } from './kallsyms.js';

/**
 * KASLR moves the image in steps of CONFIG_PHYSICAL_ALIGN, a multiple of 2 MiB (arch/x86/Kconfig), inside 1 GiB
 * (RANDOMIZE_BASE_MAX_OFFSET, arch/x86/boot/compressed/kaslr.c, v6.1).
 */
const STEP = 1n << 21n;
const STEPS = 512n;

/**
 * How far the image of a kernel lies above the addresses in `symbols`, of another boot of the same image: the offset at
 * which memory holds the kernel's banner with its release. Memory is requested by virtual address. Undefined when there
 * is none: other page tables, another image.
 */
export function* findImageOffset(symbols: SymbolTable, release: string): Reading<bigint | undefined> {
  const [banner] = symbols.named('linux_banner');
  if (banner === undefined || banner.address < KERNEL_IMAGE) return undefined;
  const memory = pagedMemory();
  // init/version.c, linux_banner[] (v6.1).
  const wanted = Buffer.from(`Linux version ${release} (`, 'latin1');
  const first = KERNEL_IMAGE + (banner.address & (STEP - 1n));
  for (let step = 0n; step < STEPS; step += 1n) {
    const at = first + step * STEP;
    const bytes = yield* memory.bytes(at, wanted.length);
    if (bytes !== undefined && wanted.equals(bytes)) return at - banner.address;
  }
  return undefined;
}
