import { setTimeout as sleep } from 'node:timers/promises';
import { type Dump, MachineFailure } from '../machine.js';
import { RUN_FILES } from './arguments.js';
import { answer } from './failure.js';

const MIB = 1024 * 1024;
const POLL_MS = 100;

/** What is used of QMP. */
interface Dumper {
  execute(
    name: 'dump-guest-memory',
    args: { paging: false; protocol: string; detach: true; format: 'kdump-zlib' },
  ): Promise<unknown>;
  execute(name: 'query-dump'): Promise<{ readonly status: string }>;
}

/**
 * Dumps through QMP `dump-guest-memory` (qapi/dump.json, QEMU 7.2), in the background: QEMU answers meanwhile. `zlib` is
 * in every build.
 */
export function qemuDump(qmp: Dumper, disk: string | undefined): Dump {
  return {
    disk,
    async save() {
      const protocol = `file:${RUN_FILES.dump}`;
      await answer(
        qmp.execute('dump-guest-memory', { paging: false, protocol, detach: true, format: 'kdump-zlib' }),
      );
      for (;;) {
        const { status } = await answer(qmp.execute('query-dump'));
        if (status === 'completed') return RUN_FILES.dump;
        if (status !== 'active')
          throw new MachineFailure(`cannot dump the memory: QEMU says ${status}; free some space`, {
            gone: false,
          });
        await sleep(POLL_MS);
      }
    },
  };
}

/** Bytes of the disk that takes a capture kernel's dump. */
export function diskBytes(diskMiB: number): number {
  return diskMiB * MIB;
}
