import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CrashedKernel,
  endOfPages,
  KDUMP_HEADERS_BYTES,
  PAGE_DESCRIPTOR_BYTES,
  pagesIn,
  readKdumpHeader,
  vmcoreinfoPatches,
} from '../dump/kdump-header.js';
import { bytesAt } from '../host/bytes-at.js';
import { storeFault } from './store-fault.js';
import { unflatten } from './unflatten.js';

/** The dump of a run, in its directory. */
export const VMCORE_FILE = 'vmcore';

const WINDOW_BYTES = 4096 * PAGE_DESCRIPTOR_BYTES;

/** A dump that is whole. */
export interface FinishedDump {
  readonly bytes: number;
  /** Pages that it holds. */
  readonly pages: number;
  /** Kinds of pages that were left out (makedumpfile -d). */
  readonly level: number;
  readonly hasVmcoreinfo: boolean;
}

/** Why there is none: what was written is not a whole dump. */
export interface NoDump {
  readonly why: string;
}

/**
 * Makes `vmcore` of a flattened dump in the run directory, which is removed: puts its pieces in their places, adds the
 * VMCOREINFO that it lacks, and checks that it holds each page of which it tells. The dump may be a guest's work: nothing
 * of it beyond `mostBytes` is written. Throws a harness fault when the disk fails.
 */
export async function finishDump(
  directory: string,
  {
    part,
    mostBytes,
    crashed,
  }: {
    readonly part: string;
    readonly mostBytes: number;
    readonly crashed?: CrashedKernel | undefined;
  },
): Promise<FinishedDump | NoDump> {
  const from = join(directory, part);
  const to = join(directory, VMCORE_FILE);
  const unfinished = `${to}.new`;
  try {
    const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const target = await open(unfinished, 'wx+', 0o600);
      try {
        const written = await unflatten(source, target, mostBytes);
        if (written.why !== undefined) return { why: written.why };
        const finished = await complete(target, crashed);
        if (!('why' in finished)) await rename(unfinished, to);
        return finished;
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  } catch (error) {
    throw storeFault('write', to, error);
  } finally {
    await rm(unfinished, { force: true });
    await rm(from, { force: true });
  }
}

/** Adds what is missing, and checks that all pages lie within the file. */
async function complete(
  file: FileHandle,
  crashed: CrashedKernel | undefined,
): Promise<FinishedDump | NoDump> {
  const header = readKdumpHeader(await bytesAt(file, 0, KDUMP_HEADERS_BYTES));
  if ('why' in header) return header;
  const { size } = await file.stat();
  let pages = 0;
  await inWindows(file, header.bitmap, (bitmap) => {
    pages += pagesIn(bitmap);
  });
  const table = { offset: header.descriptors, bytes: pages * PAGE_DESCRIPTOR_BYTES };
  let end = 0n;
  const read = await inWindows(file, table, (descriptors) => {
    const last = endOfPages(descriptors);
    if (last > end) end = last;
  });
  if (read < table.bytes || end > BigInt(size)) return { why: 'pages of which it tells are not in it' };
  const isAdded = header.info === undefined && crashed !== undefined;
  if (isAdded) {
    const notes = await bytesAt(file, header.notes.offset, header.notes.bytes);
    for (const patch of vmcoreinfoPatches(crashed, { notes, sizeBytes: size }))
      await file.write(patch.bytes, 0, patch.bytes.length, patch.offset);
  }
  const { size: bytes } = isAdded ? await file.stat() : { size };
  return { bytes, pages, level: header.level, hasVmcoreinfo: isAdded || header.info !== undefined };
}

/** Reads a part of a file piece by piece; returns how many bytes there were. */
async function inWindows(
  file: FileHandle,
  { offset, bytes }: { readonly offset: number; readonly bytes: number },
  look: (window: Buffer) => void,
): Promise<number> {
  let done = 0;
  while (done < bytes) {
    const window = await bytesAt(file, offset + done, Math.min(WINDOW_BYTES, bytes - done));
    if (window.length === 0) break;
    look(window);
    done += window.length;
  }
  return done;
}
