import { probeKallsyms, readKallsyms, type RunScript } from '../guest/kallsyms.js';
import { keepSymbols, readCachedSymbols } from '../guest/symbol-cache.js';
import {
  parseKallsyms,
  PROBE_SYMBOLS,
  relocateKallsyms,
  type SymbolTable,
  withoutModules,
} from '../symbols/index.js';
import type { Guest } from './guest.js';

/** Where the symbols of a kernel are cached between runs. */
interface SymbolCache {
  readonly directory: string;
  /** sha256 of the kernel's image. */
  readonly kernel: string;
}

/** The symbols of the running kernel, read at the first call. See {@link readSymbols}. */
export type KernelSymbols = () => Promise<SymbolTable>;

/** Reads a kernel's symbols once for all that need them in a run: it takes up to half a minute without a cache. */
export function kernelSymbols(guest: Guest, cache: SymbolCache | undefined): KernelSymbols {
  // A failure ends the run: there is no later call.
  let symbols: Promise<SymbolTable> | undefined;
  return () => (symbols ??= readSymbols(guest, cache));
}

/** Reads the symbols of the running kernel and records that as a proof; without them the run ends (void). */
async function readSymbols({ shell, watch }: Guest, cache: SymbolCache | undefined): Promise<SymbolTable> {
  const run: RunScript = async (script, what) => {
    const { status, output } = await shell.run(script, what);
    return status === 0 ? Buffer.from(output, 'latin1') : undefined;
  };
  const text = await kallsymsOf(run, cache);
  const parsed = text === undefined ? undefined : parseKallsyms(text);
  const what = 'symbols of the running kernel';
  if (parsed?.kind === 'symbols') {
    watch.fact({ fact: 'proof', what, proved: true, saw: `${parsed.table.size} symbols` });
    return parsed.table;
  }
  const saw = parsed === undefined ? 'no /proc/kallsyms (CONFIG_KALLSYMS)' : `kallsyms is ${parsed.kind}`;
  watch.fact({ fact: 'proof', what, proved: false, saw });
  return watch.stop(saw);
}

/** The text of /proc/kallsyms: that of an earlier boot of the same image, relocated, or a new one. */
async function kallsymsOf(run: RunScript, cache: SymbolCache | undefined): Promise<string | undefined> {
  if (cache === undefined) return readKallsyms(run);
  const kept = await readCachedSymbols(cache.directory, cache.kernel);
  if (kept !== undefined) {
    const moved = relocateKallsyms(kept, (await probeKallsyms(run, PROBE_SYMBOLS)) ?? '');
    if (moved !== undefined) return moved;
  }
  const text = await readKallsyms(run);
  if (text !== undefined) await keepSymbols(cache.directory, cache.kernel, withoutModules(text));
  return text;
}
