import type { HostFact } from '../model/record.js';
import { pagedMemory, sortOf } from '../symbols/index.js';
import type { FoundKernel } from './find-kernel.js';

const INT_BYTES = 4;

/**
 * The CPU that is in panic() or in crash_kexec(), -1 for none: both begin with it, whatever the console shows
 * (kernel/panic.c, panic(), nmi_panic(); kernel/kexec_core.c, crash_kexec(), v6.1). Undefined when the kernel's symbols
 * or its memory do not show the variable.
 */
export async function panicCpuOf(
  kernel: FoundKernel,
): Promise<Extract<HostFact, { fact: 'panic-cpu' }> | undefined> {
  const [symbol, another] = kernel.symbols.named('panic_cpu').filter((one) => sortOf(one) === 'data');
  if (symbol === undefined || another !== undefined) return undefined;
  const bytes = await kernel.read(pagedMemory().bytes(symbol.address, INT_BYTES));
  return bytes === undefined ? undefined : { fact: 'panic-cpu', cpu: Buffer.from(bytes).readInt32LE() };
}
