import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf, messageOf, reasonFor } from '../../model/errno.js';
import { foldLine } from '../../model/escape.js';
import { harnessFault, usageFault } from '../../model/fault.js';
import { type QmpClient, QmpCommandError, QmpError } from '../../qemu/qmp/index.js';
import { FLAT_HEADER_BYTES, isFlattened } from '../../dump/flattened.js';
import { bytesAt } from '../../host/bytes-at.js';
import { unflatten } from '../../store/unflatten.js';
import { addToElf, addToKdump, type DumpedKernel, isElf } from './complete-dump.js';

/** How a dump is written. */
export interface VmcoreOptions {
  /** A file that is not there; see {@link vmcorePath}. */
  readonly path: string;
  readonly format: 'elf' | 'kdump-zlib';
  /** What crash and drgn must know of the kernel; undefined where it is not known. */
  readonly kernel: DumpedKernel | undefined;
  readonly onProgress: (line: string) => void;
}

/** A dump that was written. */
export interface WrittenVmcore {
  readonly bytes: number;
  /** For people: what was added, or what it lacks; empty, or begins with a comma. */
  readonly note: string;
}

/** QEMU writes 100 MB/s and more; a large guest on a slow disk takes long. */
const WRITE_MS = 3_600_000;

/** The absolute path of a dump to be written. Throws a usage fault when it cannot be one. */
export async function vmcorePath(path: string): Promise<string> {
  const cannot = `cannot write dump "${path}"`;
  const directory = await realpath(dirname(path)).catch((error: unknown) => {
    throw usageFault(
      `${cannot}: ${reasonFor(errnoOf(error)) ?? messageOf(error)}; give a directory that is there`,
      error,
    );
  });
  const target = join(directory, basename(path));
  // QEMU would overwrite what is there.
  if ((await stat(target).catch(() => undefined)) !== undefined)
    throw usageFault(`${cannot}: it is there already; give a new file`);
  return target;
}

/**
 * Has QEMU write a dump of the guest's memory (QMP `dump-guest-memory`), and completes it: what crash and drgn must know
 * of the kernel is added when the guest has no vmcoreinfo device, and the flattened form, which drgn and libkdumpfile do
 * not read, becomes the plain one. The first file is QEMU's: it must be able to write in that directory.
 */
export async function writeVmcore(
  qmp: Pick<QmpClient, 'execute'>,
  { path, format, kernel, onProgress }: VmcoreOptions,
): Promise<WrittenVmcore> {
  const cannot = `cannot write dump "${path}"`;
  const raw = `${path}.part`;
  onProgress(`QEMU writes the dump "${path}"`);
  try {
    await qmp.execute(
      'dump-guest-memory',
      { paging: false, protocol: `file:${raw}`, format },
      { deadlineMs: WRITE_MS },
    );
  } catch (error) {
    await rm(raw, { force: true });
    if (!(error instanceof QmpError)) throw error;
    const why = foldLine(error instanceof QmpCommandError ? error.desc : error.message).replaceAll(';', ',');
    throw harnessFault(
      `${cannot}: QEMU says: ${why}; give a path that QEMU's user may write to, with room for the memory`,
      error,
    );
  }
  // QEMU creates it for its user, to be read only (dump/dump.c, qmp_dump_guest_memory(), 7.2).
  const file = await open(raw, 'r+').catch((error: unknown) => {
    const why = reasonFor(errnoOf(error)) ?? messageOf(error);
    throw harnessFault(
      `${cannot}: QEMU has written "${raw}", and it cannot be opened here (${why}); QEMU runs as another user, or sees other files: fetch it there`,
      error,
    );
  });
  try {
    const note = await complete(file, { path, raw, kernel });
    return { bytes: (await stat(path)).size, note };
  } finally {
    await file.close();
  }
}

async function complete(
  file: FileHandle,
  {
    path,
    raw,
    kernel,
  }: { readonly path: string; readonly raw: string; readonly kernel: DumpedKernel | undefined },
): Promise<string> {
  if (await isElf(file)) {
    const { copied, note } = await addToElf(file, { kernel, create: () => open(path, 'wx', 0o600) });
    await (copied ? rm(raw) : rename(raw, path));
    return note;
  }
  if (!isFlattened(await bytesAt(file, 0, FLAT_HEADER_BYTES))) {
    const note = await addToKdump(file, kernel);
    await rename(raw, path);
    return note;
  }
  const plain = await open(path, 'wx+', 0o600);
  try {
    // QEMU is trusted with the size: only the disk bounds it.
    const { why } = await unflatten(file, plain, Number.MAX_SAFE_INTEGER);
    if (why !== undefined)
      throw harnessFault('cannot read the dump that QEMU wrote: it is truncated; make room');
    await rm(raw);
    return await addToKdump(plain, kernel);
  } finally {
    await plain.close();
  }
}
