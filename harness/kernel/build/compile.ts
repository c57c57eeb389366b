import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inCache } from '../../cache/cache-fault.js';
import { kernelCache } from '../kernel-cache.js';
import { KernelDoesNotBuild } from './build-failure.js';
import { mergeConfig, unsetOptions } from './fragment.js';
import { type BuildPlace, type MakeOptions, runMake } from './make.js';

/** Most options that an error names. */
const NAMED_MAX = 8;

/**
 * Makes `.config` (tinyconfig, then the fragment, then Kconfig's defaults) and builds bzImage and modules. Throws
 * {@link KernelDoesNotBuild} when an option of the fragment has no effect, or when the kernel does not build.
 */
export async function configureAndMake(
  place: BuildPlace,
  { fragment, localVersion }: { readonly fragment: string; readonly localVersion: string },
  options: MakeOptions,
): Promise<void> {
  await inCache(kernelCache(options.cacheDir), () => mkdir(place.obj, { recursive: true }));
  const config = join(place.obj, '.config');
  const wanted = `${fragment.trimEnd()}\nCONFIG_LOCALVERSION="${localVersion}"\n`;
  await runMake(place, ['tinyconfig'], options);
  const tiny = await readFile(config, 'utf8');
  await inCache(kernelCache(options.cacheDir), () => writeFile(config, mergeConfig(tiny, wanted)));
  await runMake(place, ['olddefconfig'], options);
  const unset = unsetOptions(wanted, await readFile(config, 'utf8'));
  if (unset.length > 0) {
    const names = unset
      .slice(0, NAMED_MAX)
      .map(({ name, wanted: value, found }) => `${name}=${value} is ${found}`);
    const more = unset.length > NAMED_MAX ? ` and ${unset.length - NAMED_MAX} more` : '';
    throw new KernelDoesNotBuild(
      `cannot configure kernel "${place.what}": ${names.join(', ')}${more}; add what these options depend on to the fragment, or take them out`,
    );
  }
  await runMake(place, ['bzImage', 'modules'], options);
}
