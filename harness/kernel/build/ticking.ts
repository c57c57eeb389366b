import type { KernelOptions } from '../options.js';

/** Nobody should wonder for longer than this whether anything happens. */
const TICK_MS = 3_000;

/** Runs work that may take long, and reports `line(seconds since its start)` every few seconds until it ends. */
export async function ticking<T>(
  line: (seconds: number) => string,
  { onProgress }: Pick<KernelOptions, 'onProgress'>,
  work: () => Promise<T>,
): Promise<T> {
  const startedMs = Date.now();
  const timer = setInterval(() => onProgress?.(line(Math.round((Date.now() - startedMs) / 1000))), TICK_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
