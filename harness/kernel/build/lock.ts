import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { inCache } from '../../cache/cache-fault.js';
import { kernelCache } from '../kernel-cache.js';
import { harnessFault } from '../../model/fault.js';
import type { KernelOptions } from '../options.js';

/** Longest wait for another build: a whole one, on a slow machine. */
const LOCK_DEADLINE_MS = 90 * 60_000;
const TELL_AFTER_MS = 2_000;

/**
 * Runs `work` while only this process may change `builds/` and `sources/` of the cache. The lock is held by a flock(1)
 * that ends with its stdin, so it is released however this process ends. A harness Fault when another build does not
 * finish in time or flock is missing; the signal's reason on an abort.
 */
export async function withBuildLock<T>(options: KernelOptions, work: () => Promise<T>): Promise<T> {
  const dir = join(resolve(options.cacheDir), 'builds');
  await inCache(kernelCache(options.cacheDir), () => mkdir(dir, { recursive: true }));
  const waiting = AbortSignal.timeout(LOCK_DEADLINE_MS);
  const signal = options.signal === undefined ? waiting : AbortSignal.any([waiting, options.signal]);
  const file = join(dir, 'lock');
  const holder = execa('flock', ['-x', file, 'sh', '-c', 'echo locked; exec cat'], {
    stdin: 'pipe',
    buffer: false,
    reject: false,
    forceKillAfterDelay: 1_000,
  });
  const telling = setTimeout(
    () => options.onProgress?.('waiting for another kernel build in the same cache'),
    TELL_AFTER_MS,
  );
  try {
    await Promise.race([
      once(holder.stdout, 'data', { signal }),
      holder.then(({ originalMessage, stderr }) => {
        throw harnessFault(
          `cannot lock "${file}": ${originalMessage ?? (stderr || 'flock ended')}; install util-linux`,
        );
      }),
    ]);
    clearTimeout(telling);
    return await work();
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!waiting.aborted) throw error;
    throw harnessFault(
      `cannot lock "${file}": another build holds it for ${LOCK_DEADLINE_MS / 60_000} min; end that build`,
      error,
    );
  } finally {
    clearTimeout(telling);
    holder.stdin.end();
    holder.kill();
    await holder;
  }
}
