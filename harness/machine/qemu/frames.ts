/** QEMU's own bound of a frame on a stream (NET_BUFSIZE, include/net/net.h, 7.2). */
const MAX_STREAM_FRAME_BYTES = 4096 + 65536;

/** A frame for QEMU's `-netdev stream`: its length, 32 bits, big endian, then its bytes (net/stream.c). */
export function streamed(frame: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + frame.length);
  bytes.writeUInt32BE(frame.length, 0);
  frame.copy(bytes, 4);
  return bytes;
}

/**
 * Counts the frames of a stream from QEMU, independent of the chunking; the frames' contents are skipped. A length that
 * QEMU never sends ends the counting.
 */
export function createFrameCounter(): { push(bytes: Buffer): void; readonly frames: number } {
  let head = Buffer.alloc(0);
  let skip = 0;
  let frames = 0;
  let lost = false;
  return {
    push(bytes) {
      let rest = bytes;
      while (rest.length > 0 && !lost) {
        if (skip > 0) {
          const taken = Math.min(skip, rest.length);
          skip -= taken;
          rest = rest.subarray(taken);
          continue;
        }
        const missing = 4 - head.length;
        head = Buffer.concat([head, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (head.length < 4) return;
        skip = head.readUInt32BE(0);
        head = Buffer.alloc(0);
        frames += 1;
        if (skip > MAX_STREAM_FRAME_BYTES) lost = true;
      }
    },
    get frames() {
      return frames;
    },
  };
}
