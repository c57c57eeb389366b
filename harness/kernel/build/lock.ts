import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { inCache } from '../../cache/cache-fault.js';
import { withFileLock } from '../../host/file-lock.js';
import { kernelCache } from '../kernel-cache.js';
import type { KernelOptions } from '../options.js';

/** Longest wait for another build: a whole one, on a slow machine. */
const WAIT_MS = 90 * 60_000;

/**
 * Runs `work` while only this process may change `builds/` and `sources/` of the cache. A harness Fault when another
 * build does not finish in time or flock is missing; the signal's reason on an abort.
 */
export async function withBuildLock<T>(options: KernelOptions, work: () => Promise<T>): Promise<T> {
  const dir = join(resolve(options.cacheDir), 'builds');
  await inCache(kernelCache(options.cacheDir), () => mkdir(dir, { recursive: true }));
  const lock = {
    signal: options.signal,
    waitMs: WAIT_MS,
    onWaiting: () => options.onProgress?.('waiting for another kernel build in the same cache'),
    held: `another build holds it for ${WAIT_MS / 60_000} min; end that build`,
  };
  return withFileLock(join(dir, 'lock'), lock, work);
}
