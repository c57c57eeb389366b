import { closeSync, constants, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RUN_FILES } from '../arguments.js';
import type { HostPlace, QemuHost } from '../host.js';
import { reportHostTime } from '../host-time.js';
import { startQemu } from '../process.js';
import { endOf } from '../reset-kind.js';
import { listenForStream } from '../stream-server.js';
import { Teardown } from '../teardown.js';
import { openUartChannel } from '../uart.js';

const SOCKETS = [RUN_FILES.qmpSocket, RUN_FILES.gdbSocket, RUN_FILES.qtestSocket];

/** This host: QEMU runs in the run directory itself. */
export const LOCAL_HOST: QemuHost = {
  name: undefined,
  async openPlace({ directory }) {
    const folder = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    // A Unix socket's path may have 107 bytes at most (unix(7)).
    return localPlace(directory, { folder, base: `/proc/self/fd/${folder}` });
  },
};

function localPlace(
  directory: string,
  { folder, base }: { readonly folder: number; readonly base: string },
): HostPlace {
  return {
    openUart: (pipe, onBytes) => openUartChannel(directory, pipe, onBytes),
    async openCard(socket) {
      const server = await listenForStream(base, socket);
      return {
        connected: server.connected,
        async close() {
          await server.close();
          await rm(join(directory, socket), { force: true });
        },
      };
    },
    start: (binary, args) => startQemu(binary, args, directory),
    socket: (name) => ({ path: join(base, name) }),
    begin: async () => undefined,
    reportHostTime,
    read: (file) => readFile(join(directory, file)),
    remove: (file) => rm(join(directory, file), { force: true }),
    endOfLog: (mostBytes) => endOf(join(directory, RUN_FILES.qemuLog), mostBytes),
    async close() {
      const teardown = new Teardown();
      teardown.defer('close the run directory', () => closeSync(folder));
      for (const socket of SOCKETS) {
        teardown.defer(`remove ${socket}`, () => rm(join(directory, socket), { force: true }));
      }
      const [failure] = await teardown.run();
      if (failure !== undefined) throw failure;
    },
  };
}
