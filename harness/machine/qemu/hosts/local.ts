import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createConnection } from 'node:net';
import { RUN_FILES } from '../arguments.js';
import type { HostPlace, QemuHost } from '../host.js';
import { reportHostTime } from '../host-time.js';
import { startSupervised } from '../kept/supervised.js';
import { startQemu } from '../process.js';
import { openProcessMemory } from '../process-memory.js';
import { endOf } from '../reset-kind.js';
import { listenForStream } from '../stream-server.js';
import { LOCAL_MEMORY } from './local-memory.js';
import { Teardown } from '../teardown.js';
import { makeFifos, openUartChannel } from '../uart.js';

const { qmpSocket, gdbSocket, qtestSocket, saveSocket, loadSocket } = RUN_FILES;
const SOCKETS = [qmpSocket, gdbSocket, qtestSocket, saveSocket, loadSocket];

/** This host: QEMU runs in the run directory itself. */
export const LOCAL_HOST: QemuHost = {
  ...LOCAL_MEMORY,
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
  let fifos: Promise<void> | undefined;
  return {
    async openUart(pipe, onBytes) {
      fifos ??= makeFifos(directory, [RUN_FILES.consolePipe, RUN_FILES.controlPipe]);
      await fifos;
      return openUartChannel(directory, pipe, onBytes);
    },
    async openStream(socket) {
      const server = await listenForStream(base, socket);
      return {
        connected: server.connected,
        async close() {
          await server.close();
          await rm(join(directory, socket), { force: true });
        },
      };
    },
    async makeFile(file, bytes) {
      const made = await open(join(directory, file), 'wx', 0o600);
      try {
        await made.truncate(bytes);
      } finally {
        await made.close();
      }
    },
    async copyFile(from, file) {
      await writeFile(join(directory, file), await readFile(from), { mode: 0o600, flag: 'wx' });
    },
    start: (binary, args) => startQemu(binary, args, directory),
    startSupervised: (binary, args) => startSupervised(binary, args, directory),
    socket: (name) => ({ path: join(base, name) }),
    async connect(name) {
      const stream = createConnection(join(base, name));
      await once(stream, 'connect');
      return stream;
    },
    begin: async () => undefined,
    reportHostTime,
    openProcessMemory,
    read: (file, bytes, into) => readInto(join(directory, file), into ?? Buffer.allocUnsafeSlow(bytes)),
    remove: (file) => rm(join(directory, file), { force: true }),
    endOfLog: (mostBytes) => endOf(join(directory, RUN_FILES.qemuLog), mostBytes),
    async close({ staysUp = false } = {}) {
      const teardown = new Teardown();
      teardown.defer('close the run directory', () => closeSync(folder));
      for (const socket of staysUp ? [] : SOCKETS) {
        teardown.defer(`remove ${socket}`, () => rm(join(directory, socket), { force: true }));
      }
      const [failure] = await teardown.run();
      if (failure !== undefined) throw failure;
    },
  };
}

/** The beginning of a file, at most as much as there is room for. */
async function readInto(path: string, into: Buffer): Promise<Buffer> {
  const file = await open(path);
  try {
    let length = 0;
    while (length < into.length) {
      const { bytesRead } = await file.read(into, length, into.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return into.subarray(0, length);
  } finally {
    await file.close();
  }
}
