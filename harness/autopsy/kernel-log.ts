import type { HostFact } from '../model/record.js';
import { readPrintkRing } from '../symbols/index.js';
import type { KernelSide } from '../timeline/tables-seen.js';
import type { FoundKernel } from './find-kernel.js';

/** The newest 64 KiB of a kernel's own log, as a fact; undefined when it has none that can be read (before v5.10). */
export async function kernelLogOf(
  side: KernelSide,
  kernel: FoundKernel,
): Promise<Extract<HostFact, { fact: 'kernel-log' }> | undefined> {
  const text = await kernel.read(readPrintkRing(kernel.symbols));
  return text === undefined ? undefined : { fact: 'kernel-log', side, text };
}
