import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { discard, publish, withTempDir } from '../../cache/cache-directory.js';
import { inCache } from '../../cache/cache-fault.js';
import { readJsonFile } from '../../cache/kept-file.js';
import { sha256Of, sha256OfFile } from '../../cache/sha256.js';
import { usageFault } from '../../model/fault.js';
import type { Kernel, RepackedKernel } from '../../model/kernel.js';
import { kernelCache } from '../kernel-cache.js';
import type { KernelOptions } from '../options.js';
import { partsOf, withPayload } from './move-tail.js';
import { formatOf, packPayload, unpackPayload } from './payload.js';

/** Changes with everything that decides the bytes of a repacked kernel. */
const REPACK_FORMAT = 1;

const SHA256 = z.string().regex(/^[0-9a-f]{64}$/);
const recordSchema = z.object({
  sha256: SHA256,
  bytes: z.number().int(),
  compression: z.literal('xz'),
  vmlinuxSha256: SHA256,
});

/**
 * The kernel in a bzImage whose payload is fast to decompress, from the cache or made now: `repacked/<sha256 of the
 * bzImage>-<format>/`. The compression, the decompressor and the kernel stay the same, which is checked: the payload is
 * decompressed again and its sha256 compared. Throws a usage Fault for a kernel with which that cannot be done.
 */
export async function repackKernel(kernel: Kernel, options: KernelOptions): Promise<RepackedKernel> {
  const place = kernelCache(options.cacheDir);
  const directory = directoryOf(options.cacheDir, kernel.sha256);
  const bzImage = join(directory, 'bzImage');
  const intact = async (): Promise<RepackedKernel | undefined> => {
    const record = await readJsonFile(join(directory, 'repacked.json'), recordSchema);
    const found = await sha256OfFile(bzImage).catch(() => undefined);
    return record !== undefined && record.sha256 === found ? { ...record, bzImage } : undefined;
  };
  const cached = await intact();
  if (cached !== undefined) return cached;
  options.onProgress?.(`repacking ${kernel.label}`);
  return withTempDir(place, async (temporary) => {
    const made = await repacked(kernel, { ...options, directory: temporary });
    const tree = join(temporary, 'tree');
    await inCache(place, async () => {
      await mkdir(tree);
      await writeFile(join(tree, 'bzImage'), made.image);
      await writeFile(join(tree, 'repacked.json'), `${JSON.stringify(made.record, undefined, 2)}\n`);
      await chmod(tree, 0o755);
    });
    await publish(place, { from: tree, to: directory, isIntact: async () => (await intact()) !== undefined });
    return { ...made.record, bzImage };
  });
}

/** Removes what {@link repackKernel} made of the bzImage with that sha256, if anything. */
export async function removeRepacked(cacheDir: string, sha256: string): Promise<void> {
  await discard(kernelCache(cacheDir), directoryOf(cacheDir, sha256));
}

function directoryOf(cacheDir: string, sha256: string): string {
  return join(resolve(cacheDir), 'repacked', `${sha256}-${REPACK_FORMAT}`);
}

async function repacked(
  kernel: Kernel,
  options: KernelOptions & { readonly directory: string },
): Promise<{ image: Buffer; record: z.infer<typeof recordSchema> }> {
  const file = await readFile(kernel.bzImage);
  if (sha256Of(file) !== kernel.sha256) {
    throw usageFault(`cannot repack kernel "${kernel.spec}": it changed since it was resolved; run again`);
  }
  const parts = partsOf(file);
  if ('why' in parts) throw refusal(kernel, parts.why);
  const format = formatOf(parts.payload) ?? 'of an unknown form';
  if (format !== 'xz')
    throw refusal(kernel, `its payload is ${format}, and only xz takes long to decompress`);
  const vmlinux = await unpackPayload(parts.payload, options);
  const payload = await packPayload(vmlinux, options);
  const image = withPayload(parts, payload);
  if ('why' in image) throw refusal(kernel, image.why);
  const vmlinuxSha256 = sha256Of(vmlinux);
  const again = partsOf(image);
  if ('why' in again || sha256Of(await unpackPayload(again.payload, options)) !== vmlinuxSha256) {
    throw new Error(`the repacked ${kernel.label} does not hold the same kernel`);
  }
  return {
    image,
    record: { sha256: sha256Of(image), bytes: image.length, compression: 'xz', vmlinuxSha256 },
  };
}

function refusal(kernel: Kernel, why: string) {
  return usageFault(`cannot repack kernel "${kernel.spec}": ${why}; leave out --repack`);
}
