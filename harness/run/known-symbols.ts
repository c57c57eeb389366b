import { setTimeout as sleep } from 'node:timers/promises';
import type { KnownKernel } from '../autopsy/find-kernel.js';
import { PACK_KALLSYMS, readPackedKallsyms, type RunScript } from '../guest/kallsyms.js';
import { keepSymbols, readCachedSymbols } from '../guest/symbol-cache.js';
import { parseKallsyms, type SymbolTable, withoutModules } from '../symbols/index.js';
import type { KernelSide } from '../timeline/tables-seen.js';
import type { GuestShell } from './guest-shell.js';
import type { RunWatch } from './run-watch.js';

/** A kernel of the run, as the cache of symbols knows it. */
export interface KernelIdentity {
  /** sha256 of the image. */
  readonly sha256: string;
  readonly release: string;
  readonly bits?: 32 | 64 | undefined;
}

/** The part of a guest that is asked for symbols. */
export interface SymbolSource {
  readonly shell: Pick<GuestShell, 'tryRun'>;
  readonly watch: Pick<RunWatch, 'fact' | 'nowMs'>;
}

/** The symbols that the autopsy of a run may use. They cost a guest nothing when the cache has them. */
export interface KnownSymbols {
  /** The capture kernel is the image of the first kernel. */
  readonly sameImage: boolean;
  /**
   * Makes sure that the first kernel's symbols are in the cache: read once for each image, before firing. A guest that
   * is slow, or has no /proc/kallsyms, leaves the run without symbols and changes nothing else.
   */
  prepare(): Promise<void>;
  /**
   * The symbols of a kernel at the addresses of some boot; undefined when they are not known. `ofThisBoot`: those of
   * the first kernel, where the run has read them for another purpose.
   */
  of(side: KernelSide, ofThisBoot?: SymbolTable): Promise<KnownKernel | undefined>;
}

/** How long the guest may take to pack its symbols (measured: 2 s alone under TCG). */
const PACK_WITHIN_MS = 90_000;
const ASK_EVERY_MS = 500;

/** The symbols of a run's two kernels, from the cache of symbols. Without a cache none are known. */
export function knownSymbols(
  guest: SymbolSource,
  {
    cacheDir,
    kernels,
  }: {
    readonly cacheDir: string | undefined;
    readonly kernels: Readonly<Record<KernelSide, KernelIdentity>>;
  },
): KnownSymbols {
  const parsed = new Map<string, Promise<SymbolTable | undefined>>();
  const cachedTable = (directory: string, sha256: string) => {
    const reading = parsed.get(sha256) ?? readTable(directory, sha256);
    parsed.set(sha256, reading);
    return reading;
  };
  const sameImage = kernels.production.sha256 === kernels.capture.sha256;
  return {
    sameImage,
    async prepare() {
      const { sha256, bits } = kernels.production;
      // Memory of a 32-bit kernel is not read.
      if (cacheDir === undefined || bits === 32) return;
      if ((await readCachedSymbols(cacheDir, sha256)) !== undefined) return;
      guest.watch.fact({ fact: 'symbols', state: 'reading', saw: 'once for this kernel image' });
      const text = await readOnce(guest);
      const parsed = text === undefined ? undefined : parseKallsyms(text);
      if (text === undefined || parsed?.kind !== 'symbols') {
        const saw = parsed === undefined ? 'the guest did not report them' : `kallsyms is ${parsed.kind}`;
        return guest.watch.fact({ fact: 'symbols', state: 'unknown', saw });
      }
      await keepSymbols(cacheDir, sha256, withoutModules(text));
      guest.watch.fact({ fact: 'symbols', state: 'known', saw: `${parsed.table.size} symbols` });
    },
    async of(side, ofThisBoot) {
      const { sha256, release } = kernels[side];
      if (ofThisBoot !== undefined && (side === 'production' || sameImage)) {
        return { symbols: ofThisBoot, release };
      }
      if (cacheDir === undefined) return undefined;
      const symbols = await cachedTable(cacheDir, sha256);
      return symbols === undefined ? undefined : { symbols, release };
    },
  };
}

async function readTable(directory: string, sha256: string): Promise<SymbolTable | undefined> {
  const text = await readCachedSymbols(directory, sha256);
  const parsed = text === undefined ? undefined : parseKallsyms(text);
  return parsed?.kind === 'symbols' ? parsed.table : undefined;
}

/** Packs in the background, so that a slow guest answers other requests meanwhile. */
async function readOnce({ shell, watch }: SymbolSource): Promise<string | undefined> {
  const run: RunScript = async (script) => {
    const reply = await shell.tryRun(script);
    return reply?.status === 0 ? Buffer.from(reply.output, 'latin1') : undefined;
  };
  const until = watch.nowMs() + PACK_WITHIN_MS;
  if (
    (await run(`rm -f /tmp/packed; (${PACK_KALLSYMS}; : >/tmp/packed) >/dev/null 2>&1 &`, '')) === undefined
  )
    return undefined;
  while (watch.nowMs() < until) {
    const packed = await shell.tryRun('test -e /tmp/packed');
    if (packed === undefined) return undefined;
    if (packed.status === 0) {
      const text = await readPackedKallsyms(run);
      await shell.tryRun('rm -f /tmp/packed /tmp/kallsyms.gz');
      return text;
    }
    await sleep(ASK_EVERY_MS);
  }
  await shell.tryRun('killall gzip; rm -f /tmp/packed /tmp/kallsyms.gz');
  return undefined;
}
