/** Options of every effect of this room. */
export interface KernelOptions {
  /** Directory that holds `kernels/`, `refs/`, `apt/` and `tmp/`; made when needed. */
  readonly cacheDir: string;
  readonly signal?: AbortSignal | undefined;
  /** Called with one line of text for each long step, and with notes about how a name was resolved. */
  readonly onProgress?: ((line: string) => void) | undefined;
  /** Never touch the network: only files and what is in the cache. */
  readonly offline?: boolean | undefined;
  /** The host's apt configuration directory, for the list of Debian sources. Default `/etc/apt`. */
  readonly aptEtcDir?: string | undefined;
  /** Root of the host's file system, below which installed kernels are. Default `/`. */
  readonly hostRoot?: string | undefined;
}

/** Progress is reported at least this often. */
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
