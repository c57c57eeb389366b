import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from '../cache/sha256.js';
import { harnessFault, usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { ET_REL, readElf } from '../symbols/elf.js';
import { errnoOf } from '../model/errno.js';
import type { HostProgram } from './host-programs.js';
import type { PlannedEntry, Source } from './plan-image.js';

/** A kernel module that goes into an image. */
export interface ImageModule {
  /** Name without `.ko`. */
  readonly name: string;
  /** The decompressed .ko file. */
  readonly bytes: Buffer;
}

/** The inputs from which sources are resolved. */
export interface Materials {
  /** Folder of the init scripts. */
  readonly scriptsDir: string;
  readonly programs: ReadonlyMap<string, HostProgram>;
  readonly modules: readonly ImageModule[];
  readonly captureKernel: Kernel;
  /** Root of the tree that libraries come from; absent: the host itself. */
  readonly librariesRoot?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * An entry with its contents. `bytes` is absent for directories, for the capture image (it is packed first) and
 * for the kernel, which is read only when an image has to be packed; the kernel's hash is the resolver's.
 */
export interface LoadedEntry {
  readonly entry: PlannedEntry;
  readonly sha256?: string | undefined;
  readonly bytes?: Buffer | undefined;
}

/** Reads what the entries name, each host file once. Throws a harness Fault for a file that cannot be read. */
export async function loadEntries(
  entries: readonly PlannedEntry[],
  materials: Materials,
): Promise<LoadedEntry[]> {
  const loaded: LoadedEntry[] = [];
  for (const entry of entries) {
    if (entry.kind === 'dir' || entry.source.from === 'image') {
      loaded.push({ entry });
    } else if (entry.source.from === 'kernel') {
      loaded.push({ entry, sha256: materials.captureKernel.sha256 });
    } else {
      const bytes = await bytesOf(entry.source, materials);
      loaded.push({ entry, bytes, sha256: sha256Of(bytes) });
    }
  }
  return loaded;
}

/**
 * The capture kernel's bytes, checked against the hash from its resolution. Throws a usage Fault when the file has
 * changed since, because a key must always name the same contents.
 */
export async function readCaptureKernel(kernel: Kernel, signal: AbortSignal | undefined): Promise<Buffer> {
  const bytes = await readHostFile(kernel.bzImage, signal);
  if (sha256Of(bytes) === kernel.sha256) return bytes;
  throw usageFault(
    `cannot put kernel "${kernel.bzImage}" into an image: its contents changed since it was resolved; run again`,
  );
}

/** Refuses modules that insmod in a guest cannot load: anything but a decompressed relocatable ELF file. */
export function checkModules(modules: readonly ImageModule[]): void {
  for (const { name, bytes } of modules) {
    if (readElf(bytes)?.type === ET_REL) continue;
    throw harnessFault(
      `cannot put module "${name}" into an image: its bytes are not a relocatable ELF file; decompress it first`,
    );
  }
}

async function bytesOf(
  source: Exclude<Source, { from: 'kernel' | 'image' }>,
  materials: Materials,
): Promise<Buffer> {
  if (source.from === 'script')
    return readHostFile(join(materials.scriptsDir, source.name), materials.signal);
  if (source.from === 'listing') {
    const path = join(materials.scriptsDir, source.name);
    return listedBytes((await readHostFile(path, materials.signal)).toString('latin1'), path);
  }
  if (source.from === 'library') {
    return readHostFile(join(materials.librariesRoot ?? '/', source.hostPath), materials.signal);
  }
  if (source.from === 'program') {
    return present(materials.programs.get(source.name)?.bytes, `program ${source.name}`);
  }
  return present(materials.modules[source.index]?.bytes, `module ${source.index}`);
}

/**
 * The bytes of a listing: pairs of hexadecimal digits, # begins a comment. `file` is only for the message. Throws a harness
 * Fault for anything else.
 */
export function listedBytes(text: string, file: string): Buffer {
  const digits = text.replace(/#.*/g, '').replace(/\s+/g, '');
  if (/^(?:[0-9a-f]{2})+$/.test(digits)) return Buffer.from(digits, 'hex');
  throw harnessFault(
    `cannot put listing "${file}" into an image: it is not pairs of hexadecimal digits; restore it from the release`,
  );
}

function present(bytes: Buffer | undefined, what: string): Buffer {
  if (bytes !== undefined) return bytes;
  throw harnessFault(
    `cannot load "${what}" for an image: the plan names it and the inputs lack it; report this bug`,
  );
}

async function readHostFile(path: string, signal: AbortSignal | undefined): Promise<Buffer> {
  try {
    return await readFile(path, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const code = errnoOf(error) ?? 'unknown error';
    throw harnessFault(
      `cannot read "${path}" for an image: ${code}; check that the file exists and can be read`,
      error,
    );
  }
}
