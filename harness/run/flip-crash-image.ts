import { findFlip, FLIP_STATEMENT } from '../timeline/crash-image.js';
import { need } from '../machine/machine.js';
import type { Guest } from './guest.js';

/**
 * Inverts one byte of the loaded crash image in the guest's physical memory, through a debugger (the guest's own
 * mappings of it may be read-only: arch_kexec_protect_crashkres()), reads it back, and records the proof. kexec's
 * segments give the image's address; with kexec_file_load they are unknown and nothing is proved. The guest runs again
 * when this returns.
 */
export async function flipCrashImage(
  { machine, watch }: Guest,
  { offset }: { offset: number },
): Promise<void> {
  const armed = watch.events.findLast((event) => event.type === 'armed');
  const flip = findFlip(armed?.armed, offset);
  if ('why' in flip) {
    watch.require({ what: FLIP_STATEMENT, proved: false, saw: flip.why });
    return;
  }
  const gdb = await need(machine, 'debugger').connect();
  try {
    const [loaded = 0] = await gdb.readPhysicalMemory(flip.address, 1);
    const wanted = loaded ^ 0xff;
    await gdb.writePhysicalMemory(flip.address, Buffer.from([wanted]));
    const [saw = loaded] = await gdb.readPhysicalMemory(flip.address, 1);
    watch.require({
      what: FLIP_STATEMENT,
      proved: saw === wanted && saw !== loaded,
      saw: `${flip.name}, physical 0x${flip.address.toString(16)}: loaded 0x${hex(loaded)}, now 0x${hex(saw)}`,
    });
  } finally {
    await gdb.close();
  }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
