import { probeKallsyms, readKallsyms, type KallsymsRead, type RunScript } from '../guest/kallsyms.js';
import { keepSymbols, readCachedSymbols } from '../guest/symbol-cache.js';
import { judgeSymbols, type NamedSymbol } from '../plan/named-symbols.js';
import {
  parseKallsyms,
  PROBE_SYMBOLS,
  VMCOREINFO_SYMBOLS,
  type SymbolTable,
  withoutModules,
} from '../symbols/index.js';
import type { Guest } from './guest.js';
import { parsedSymbols, relocatedSymbols } from './read-symbols.js';
import type { RunWatch } from './run-watch.js';

/** Where the symbols of a kernel are cached between runs. */
export interface SymbolCache {
  readonly directory: string;
  /** sha256 of the kernel's image. */
  readonly kernel: string;
}

/** The symbols of a kernel: where they are cached, and those that the scenario names. */
export interface WantedSymbols {
  readonly cache: SymbolCache | undefined;
  readonly named: readonly NamedSymbol[];
}

/** The symbols of the running kernel, read at the first call. See {@link readSymbols}. */
export type KernelSymbols = () => Promise<SymbolTable>;

/**
 * A reply of the guest while its symbols are read may take so many times as long as any other: a piece of them keeps a
 * busy host's guest busy for long. Each piece that arrives is progress, and has this time again.
 */
const PATIENCE = 4;

/** Reads a kernel's symbols once for all that need them in a run: it takes up to half a minute without a cache. */
export function kernelSymbols(guest: Guest, wanted: WantedSymbols): KernelSymbols {
  // A failure ends the run: there is no later call.
  let symbols: Promise<SymbolTable> | undefined;
  return () => (symbols ??= readSymbols(guest, wanted));
}

/**
 * Ends the run (void) when an earlier run's symbols of the same image show that the kernel lacks what the scenario
 * names. Nothing has started yet then.
 */
export async function requireCachedSymbols({ cache, named }: WantedSymbols, watch: RunWatch): Promise<void> {
  if (cache === undefined || named.length === 0) return;
  const kept = await readCachedSymbols(cache.directory, cache.kernel);
  const parsed = kept === undefined ? undefined : parsedSymbols(kept);
  if (parsed?.kind !== 'symbols') return;
  const judged = judgeSymbols(named, parsed.table);
  // The running kernel is asked again: its modules may have more.
  if (!judged.proved) watch.require(judged);
}

/**
 * Reads the symbols of the running kernel and records that as a proof, and that it has those that the scenario names;
 * otherwise the run ends (void).
 */
async function readSymbols({ shell, watch }: Guest, { cache, named }: WantedSymbols): Promise<SymbolTable> {
  const within = PATIENCE * watch.msOf('replyMs');
  const run: RunScript = async (script, what) => {
    const { status, output } = await shell.run(script, what, { within });
    return status === 0 ? Buffer.from(output, 'latin1') : undefined;
  };
  const what = 'symbols of the running kernel';
  const moved = await movedSymbols(run, cache);
  const isComplete = moved !== undefined && judgeSymbols(named, moved).proved;
  const read = isComplete ? undefined : await readKallsyms(run);
  if (cache !== undefined && read !== undefined && 'text' in read) {
    await keepSymbols(cache.directory, cache.kernel, withoutModules(read.text));
  }
  const table = read === undefined ? moved : tableOf(read);
  if (table === undefined || 'missing' in table) {
    const saw = table?.missing ?? 'none';
    watch.fact({ fact: 'proof', what, proved: false, saw });
    return watch.stop(saw);
  }
  watch.fact({ fact: 'proof', what, proved: true, saw: `${table.size} symbols` });
  if (named.length > 0) watch.require(judgeSymbols(named, table));
  return table;
}

function tableOf(read: KallsymsRead): SymbolTable | { readonly missing: string } {
  if ('missing' in read) return read;
  const parsed = parseKallsyms(read.text);
  return parsed.kind === 'symbols' ? parsed.table : { missing: `kallsyms is ${parsed.kind}` };
}

const PROBES = { kallsyms: PROBE_SYMBOLS, vmcoreinfo: VMCOREINFO_SYMBOLS };

/** The symbols of an earlier boot of the same image, relocated; undefined when there are none. */
async function movedSymbols(
  run: RunScript,
  cache: SymbolCache | undefined,
): Promise<SymbolTable | undefined> {
  const kept = cache === undefined ? undefined : await readCachedSymbols(cache.directory, cache.kernel);
  if (kept === undefined) return undefined;
  const text = relocatedSymbols(kept, (await probeKallsyms(run, PROBES)) ?? '');
  const parsed = text === undefined ? undefined : parsedSymbols(text);
  return parsed?.kind === 'symbols' ? parsed.table : undefined;
}
