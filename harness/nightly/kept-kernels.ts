import { constants } from 'node:fs';
import { copyFile, cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sha256OfFile } from '../cache/sha256.js';
import { messageOf } from '../model/errno.js';
import { harnessFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { storeFault } from '../store/store-fault.js';

/**
 * Copies a kernel that may change or vanish to `<directory>/<sha256>`, so that a night that has begun is independent of
 * the directory where builds land, later nights can compare with the kernel, and commands to reproduce stay true. Blocks
 * are shared where the file system can. Returns the copy's directory, which is a kernel spec. Throws a harness fault when
 * the kernel changed while it was copied, or there is no room.
 */
export async function keepKernel(kernel: Kernel, directory: string): Promise<string> {
  const place = join(directory, kernel.sha256);
  const temporary = join(directory, `.${kernel.sha256}.${process.pid}`);
  const image = `vmlinuz-${kernel.release}`;
  if (await hasSum(join(place, image), kernel.sha256)) return place;
  try {
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true, mode: 0o700 });
    await copyFile(kernel.bzImage, join(temporary, image), constants.COPYFILE_FICLONE);
    if (kernel.config !== undefined) {
      await copyFile(kernel.config, join(temporary, `config-${kernel.release}`), constants.COPYFILE_FICLONE);
    }
    if (kernel.modulesDir !== undefined) {
      await cp(kernel.modulesDir, join(temporary, 'lib/modules', basename(kernel.modulesDir)), {
        recursive: true,
        verbatimSymlinks: true,
        mode: constants.COPYFILE_FICLONE,
      });
    }
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw storeFault('copy the kernel to', place, error);
  }
  if (!(await hasSum(join(temporary, image), kernel.sha256))) {
    await rm(temporary, { recursive: true, force: true });
    throw harnessFault(
      `cannot copy kernel "${kernel.spec}": it changed while it was copied; the next night takes it`,
    );
  }
  await rm(place, { recursive: true, force: true });
  await rename(temporary, place).catch((error: unknown) => {
    throw storeFault('copy the kernel to', place, error);
  });
  return place;
}

async function hasSum(file: string, sha256: string): Promise<boolean> {
  return (await sha256OfFile(file).catch(() => '')) === sha256;
}

/** Removes the kernels that no night names, and what a killed copy left. Returns a line for each that stays against that. */
export async function removeKernels(directory: string, keep: ReadonlySet<string>): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  const complaints: string[] = [];
  for (const name of names.filter((one) => !keep.has(one))) {
    await rm(join(directory, name), { recursive: true, force: true }).catch((error: unknown) =>
      complaints.push(`cannot remove "${join(directory, name)}": ${messageOf(error)}; remove it`),
    );
  }
  return complaints;
}
