import { wordsOf } from './command-line.js';
import { VMCORE_READS, type VmcoreReading } from './guest-defaults.js';

/** The words by which the capture kernel's init learns how much of /proc/vmcore it reads; none by default. Pure. */
export function readingWords(reading: VmcoreReading): string[] {
  return reading === VMCORE_READS[0] ? [] : [`crashpath.vmcore=${reading}`];
}

/** How much of /proc/vmcore a capture kernel with this command line reads. Pure. */
export function readingOf(captureAppend: string): VmcoreReading {
  const words = wordsOf(captureAppend);
  const asked = (reading: VmcoreReading) => readingWords(reading).some((word) => words.includes(word));
  return VMCORE_READS.find(asked) ?? VMCORE_READS[0];
}
