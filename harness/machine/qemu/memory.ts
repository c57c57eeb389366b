import { type Memory, MachineFailure } from '../machine.js';
import { answer } from './failure.js';
import { RUN_FILES } from './arguments.js';
import type { HostPlace } from './host.js';

/** Most bytes of one request: QEMU holds its lock meanwhile, and the file takes that much room. */
const MOST_BYTES = 32 * 1024 * 1024;

/** The one command of QMP that is used. */
interface MemoryWriter {
  execute(name: 'pmemsave', args: { val: number; size: number; filename: string }): Promise<unknown>;
}

/**
 * The guest's physical memory, through QMP `pmemsave` (qapi/machine.json) and a file in QEMU's working directory, which
 * is removed at once. Memory that does not exist reads as zeros.
 */
export function qemuMemory(qmp: MemoryWriter, place: Pick<HostPlace, 'read' | 'remove'>): Memory {
  const part = async (address: number, bytes: number, into?: Buffer): Promise<Buffer> => {
    try {
      await answer(qmp.execute('pmemsave', { val: address, size: bytes, filename: RUN_FILES.memory }));
      const read = await place.read(RUN_FILES.memory, bytes, into);
      if (read.length === bytes) return read;
      const why = `QEMU wrote ${read.length} of ${bytes} bytes`;
      throw new MachineFailure(`cannot read memory at "0x${address.toString(16)}": ${why}`, { gone: false });
    } finally {
      await place.remove(RUN_FILES.memory);
    }
  };
  return {
    async read(address, bytes, { into } = {}) {
      if (bytes <= MOST_BYTES) return part(address, bytes, into);
      const parts: Buffer[] = [];
      for (let at = 0; at < bytes; at += MOST_BYTES) {
        parts.push(await part(address + at, Math.min(MOST_BYTES, bytes - at)));
      }
      return Buffer.concat(parts);
    },
  };
}
