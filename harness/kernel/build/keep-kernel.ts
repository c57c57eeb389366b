import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withTempDir } from '../../cache/cache-directory.js';
import { inCache } from '../../cache/cache-fault.js';
import { type CacheEntry, installEntry, kernelCache } from '../kernel-cache.js';
import { harnessFault } from '../../model/fault.js';
import { inspectBzImage } from '../local.js';
import { type BuildRecord, writeBuildRecord } from './build-record.js';
import { type BuildPlace, type MakeOptions, runMake } from './make.js';

/**
 * Puts a built kernel into the cache, laid out like an extracted package: boot/ (bzImage, config, System.map) and
 * lib/modules/. A harness Fault when the release in the bzImage is not that of the build.
 */
export async function keepKernel(
  place: BuildPlace,
  { key, record }: { readonly key: string; readonly record: BuildRecord },
  options: MakeOptions,
): Promise<CacheEntry> {
  return await withTempDir(kernelCache(options.cacheDir), async (dir) => {
    const image = join(place.obj, 'arch/x86/boot/bzImage');
    const { release, sha256 } = await inspectBzImage(image, image);
    const named = (await readFile(join(place.obj, 'include/config/kernel.release'), 'utf8')).trim();
    if (release !== named) {
      throw harnessFault(
        `cannot use the built kernel "${image}": it calls itself ${release}, its build calls it ${named}; see ${place.log}`,
      );
    }
    const tree = join(dir, 'tree');
    const modules = join(tree, 'lib', 'modules', release);
    // DEPMOD: crashpath orders modules itself, and a build host need not have kmod.
    await runMake(
      place,
      ['modules_install', `INSTALL_MOD_PATH=${tree}`, 'INSTALL_MOD_STRIP=1', 'DEPMOD=true'],
      options,
    );
    await inCache(kernelCache(options.cacheDir), async () => {
      // Links into the build directory, which is temporary.
      for (const name of ['build', 'source']) await rm(join(modules, name), { force: true });
      await mkdir(join(tree, 'boot'), { recursive: true });
      await copyFile(image, join(tree, 'boot', `vmlinuz-${release}`));
      await copyFile(join(place.obj, '.config'), join(tree, 'boot', `config-${release}`));
      await copyFile(join(place.obj, 'System.map'), join(tree, 'boot', `System.map-${release}`));
    });
    await writeBuildRecord(options.cacheDir, tree, record);
    const entry: CacheEntry = {
      format: 1,
      buildKey: key,
      package: record.package,
      packageVersion: record.packageVersion,
      release,
      bzImageSha256: sha256,
      hasModules: true,
      hasConfig: true,
    };
    await installEntry(options.cacheDir, tree, entry);
    return entry;
  });
}
