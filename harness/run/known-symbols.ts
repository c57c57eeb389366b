import type { KnownKernel } from '../autopsy/find-kernel.js';
import { type KallsymsRead, readKallsyms, type RunScript } from '../guest/kallsyms.js';
import { keepSymbols, readCachedSymbols } from '../guest/symbol-cache.js';
import { parseKallsyms, type SymbolTable, withoutModules } from '../symbols/index.js';
import type { KernelSide } from '../timeline/tables-seen.js';
import type { GuestShell } from './guest-shell.js';
import { parsedSymbols } from './read-symbols.js';
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
  readonly watch: Pick<RunWatch, 'fact'>;
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
      const read = await readOnce(guest);
      const unknown = (saw: string) => guest.watch.fact({ fact: 'symbols', state: 'unknown', saw });
      if ('missing' in read) return unknown(read.missing);
      const parsed = parseKallsyms(read.text);
      if (parsed.kind !== 'symbols') return unknown(`kallsyms is ${parsed.kind}`);
      await keepSymbols(cacheDir, sha256, withoutModules(read.text));
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
  const parsed = text === undefined ? undefined : parsedSymbols(text);
  return parsed?.kind === 'symbols' ? parsed.table : undefined;
}

/** A guest that does not answer in time leaves the symbols unknown. */
function readOnce({ shell }: SymbolSource): Promise<KallsymsRead> {
  const run: RunScript = async (script) => {
    const reply = await shell.tryRun(script);
    return reply?.status === 0 ? Buffer.from(reply.output, 'latin1') : undefined;
  };
  return readKallsyms(run);
}
