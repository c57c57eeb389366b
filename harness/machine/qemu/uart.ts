import { constants, openSync, readSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { errnoOf } from '../../model/errno.js';
import { harnessFault } from '../../model/fault.js';

/**
 * A UART sends byte by byte; bytes are collected for at most this long, so that the index of a console is not many
 * times its size.
 */
const GROUP_MS = 5;
const READ_BYTES = 64 * 1024;

/** One of the guest's UARTs, on QEMU's chardev `pipe`. */
export interface UartChannel {
  /** Sends bytes to the guest. */
  send(bytes: Buffer): void;
  /**
   * Reports now what QEMU has written, and tells how many bytes that were since the last call; absent where they come over
   * a link.
   */
  readonly drain?: (() => number) | undefined;
  /** Reads the remaining bytes, and closes. */
  close(): Promise<void>;
}

/** The FIFO that a UART reads, and the one that it writes. */
function fifosOf(directory: string, name: string): readonly [input: string, output: string] {
  return [join(directory, `${name}.in`), join(directory, `${name}.out`)];
}

/** Makes the two FIFOs of each UART, before QEMU starts, with one program for all of them. Throws a harness fault. */
export async function makeFifos(directory: string, names: readonly string[]): Promise<void> {
  try {
    await execa('mkfifo', ['-m', '600', ...names.flatMap((name) => fifosOf(directory, name))]);
  } catch (error) {
    throw harnessFault(
      `cannot make the FIFOs of "${names.join(' ')}": ${String(error)}; see the cause`,
      error,
    );
  }
}

/**
 * Opens the two FIFOs of a UART, `<directory>/<name>.in` and `.out`, and reports the bytes of the second. FIFOs, not a socket: QEMU writes a UART's bytes one by one, retries four times when there is no room and then
 * drops the byte (hw/char/serial.c, serial_xmit(), 7.2), and a Unix socket has room for about 270 writes of any size
 * (each has a buffer of its own; measured: a busy host lost the middle of the capture kernel's first lines). A FIFO has
 * room for 64 KiB (pipe(7)).
 */
export async function openUartChannel(
  directory: string,
  name: string,
  onBytes: (bytes: Buffer) => void,
): Promise<UartChannel> {
  const [input, output] = fifosOf(directory, name);
  let received = 0;
  const outputFd = openFifo(output);
  const room = Buffer.alloc(READ_BYTES);
  const group = groupBytes(
    (bytes) => {
      received += bytes.length;
      onBytes(bytes);
    },
    () => {
      if (reader.destroyed) return [];
      reader.resume();
      return rest(outputFd, room);
    },
  );
  const options = {
    fd: outputFd,
    readable: true,
    writable: false,
    onread: {
      buffer: room,
      // Only the first bytes of a group are awaited, the others are read at its end: to be woken for each byte takes 7 us.
      callback(length: number) {
        group.push(Buffer.from(room.subarray(0, length)));
        return false;
      },
    },
  };
  const reader = new Socket(options);
  const writer = new Socket({ fd: openFifo(input), readable: false, writable: true });
  for (const end of [reader, writer]) end.on('error', () => end.destroy());
  const drain = () => {
    group.flush();
    const drained = received;
    received = 0;
    return drained;
  };
  return {
    send(bytes) {
      writer.write(bytes);
    },
    drain,
    async close() {
      drain();
      reader.destroy();
      writer.destroy();
      await Promise.all([input, output].map((path) => rm(path, { force: true })));
    },
  };
}

/** Collects bytes for {@link GROUP_MS} and reports them at once, with the `rest`, which is asked for then. */
export function groupBytes(
  onBytes: (bytes: Buffer) => void,
  rest: () => Buffer[] = () => [],
): {
  push(bytes: Buffer): void;
  /** Reports what is collected, now. */
  flush(): void;
} {
  let pending: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    pending.push(...rest());
    if (pending.length === 0) return;
    const bytes = Buffer.concat(pending);
    pending = [];
    onBytes(bytes);
  };
  return {
    push(bytes) {
      pending.push(bytes);
      timer ??= setTimeout(flush, GROUP_MS);
    },
    flush,
  };
}

/** A FIFO that is opened for both directions neither blocks nor reports its end while QEMU is not there (fifo(7)). */
function openFifo(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
}

/** The bytes that QEMU wrote and the reader has not read yet. */
function rest(fd: number, room: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (;;) {
    try {
      const length = readSync(fd, room);
      if (length === 0) return chunks;
      chunks.push(Buffer.from(room.subarray(0, length)));
      // The FIFO held no more.
      if (length < room.length) return chunks;
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return chunks;
      throw error;
    }
  }
}
