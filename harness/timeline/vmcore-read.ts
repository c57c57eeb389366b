import type { VmcoreChunk, VmcoreRead } from '../model/event.js';

/** Digits of a chunk in a frame: two sums of 8, zero pages and unreadable pages of 4 (images/init/vmcore-reader.hex). */
const CHUNK_DIGITS = 24;

/** A number of 16 digits; one that is not exact as a JavaScript number becomes the greatest that is. */
export function number(digits: string): number {
  return Math.min(Number.parseInt(digits, 16), Number.MAX_SAFE_INTEGER);
}

/** The chunks of a frame; `digits` is a multiple of 24 hexadecimal digits. */
export function readChunks(digits: string): VmcoreChunk[] {
  return Array.from({ length: digits.length / CHUNK_DIGITS }, (_, index) => {
    const chunk = digits.slice(index * CHUNK_DIGITS, (index + 1) * CHUNK_DIGITS);
    return {
      sums: chunk.slice(0, 16),
      zeroPages: Number.parseInt(chunk.slice(16, 20), 16),
      unreadablePages: Number.parseInt(chunk.slice(20), 16),
    };
  });
}

/** The values of the last frame, all hexadecimal. */
export function readEnd(frame: {
  readonly size: string;
  readonly unreadable: string;
  readonly at: string;
  readonly errno: string;
  readonly seen: string;
  readonly sum: string;
  readonly mapped?: string | undefined;
  readonly mapErrno?: string | undefined;
  readonly unlike?: string | undefined;
  readonly unread?: string | undefined;
}): VmcoreRead {
  const unreadablePages = number(frame.unreadable);
  const seen = Buffer.from(frame.seen, 'hex');
  return {
    sizeBytes: number(frame.size),
    unreadablePages,
    ...(unreadablePages === 0
      ? {}
      : { firstUnreadable: { offset: number(frame.at), errno: Number.parseInt(frame.errno, 16) } }),
    patterns: [...seen].flatMap((byte, index) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte & (1 << bit)) !== 0).map((bit) => index * 8 + bit),
    ),
    patternSum: frame.sum,
    ...mappingIn(frame),
  };
}

/** No block differs from what is mapped. */
const NONE = 'f'.repeat(16);

function mappingIn({
  mapped,
  mapErrno = '0',
  unlike = NONE,
  unread = '0',
}: Pick<Parameters<typeof readEnd>[0], 'mapped' | 'mapErrno' | 'unlike' | 'unread'>): Pick<
  VmcoreRead,
  'mapped'
> {
  if (mapped === undefined) return {};
  const errno = Number.parseInt(mapErrno, 16);
  return {
    mapped: {
      pages: number(mapped),
      ...(number(unread) === 0 ? {} : { unread: number(unread) }),
      ...(errno === 0 ? {} : { errno }),
      ...(unlike === NONE ? {} : { unlikeAt: number(unlike) }),
    },
  };
}
