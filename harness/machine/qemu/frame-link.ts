import type { Duplex } from 'node:stream';
import type { FrameLink } from '../machine.js';
import { createFrameCounter, streamed } from './frames.js';

/**
 * A link over a connected stream. QEMU reads it only as fast as the card takes frames, so a full card blocks the
 * sender.
 */
export function frameLink(socket: Duplex): FrameLink {
  const counter = createFrameCounter();
  socket.on('data', (bytes: Buffer) => counter.push(bytes));
  return {
    send(frame, times) {
      if (socket.destroyed) return false;
      const one = streamed(frame);
      return socket.write(Buffer.concat(Array.from({ length: times }, () => one)));
    },
    ready: () =>
      new Promise((resolve) => {
        if (socket.destroyed || !socket.writableNeedDrain) {
          resolve();
          return;
        }
        const done = () => {
          socket.off('drain', done);
          socket.off('close', done);
          resolve();
        };
        socket.on('drain', done);
        socket.on('close', done);
      }),
    get gone() {
      return socket.destroyed;
    },
    get received() {
      return counter.frames;
    },
  };
}
