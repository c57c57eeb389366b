import { readKernelMemory } from '../autopsy/kernel-memory.js';
import type { DataPlace } from '../model/recorded-calls.js';
import { type KernelSymbol, sortOf } from '../symbols/index.js';
import type { ChoreographyContext } from './context.js';

const POINTER_BYTES = 8;

/** The per-CPU section as it is linked, its variables in order, and the distance to each CPU's copy. */
interface PerCpu {
  readonly first: bigint;
  readonly end: bigint;
  readonly symbols: readonly KernelSymbol[];
  readonly offsets: readonly bigint[];
}

/** Names of kernel data by address: variables, and each CPU's copy of a per-CPU variable. */
export class DataNames {
  readonly #context: Pick<ChoreographyContext, 'gdb' | 'symbols'>;
  #perCpu: Promise<PerCpu | undefined> | undefined;

  constructor(context: Pick<ChoreographyContext, 'gdb' | 'symbols'>) {
    this.#context = context;
  }

  /** The variable at an address; undefined for what no symbol covers, such as allocated objects. */
  async of(address: bigint): Promise<DataPlace | undefined> {
    this.#perCpu ??= readPerCpu(this.#context);
    const perCpu = await this.#perCpu;
    for (const [cpu, offset] of perCpu?.offsets.entries() ?? []) {
      const linked = BigInt.asUintN(64, address - offset);
      if (perCpu === undefined || linked < perCpu.first || linked >= perCpu.end) continue;
      const symbol = perCpu.symbols.findLast(({ address: at }) => at <= linked);
      return symbol === undefined
        ? undefined
        : { symbol: symbol.name, offset: Number(linked - symbol.address), cpu };
    }
    const found = this.#context.symbols.at(address);
    // A kernel without symbols of data (CONFIG_KALLSYMS_ALL off): what precedes the address is code.
    if (found === undefined || sortOf(found.symbol) !== 'data') return undefined;
    return { symbol: found.symbol.name, offset: found.offset };
  }
}

/** `__per_cpu_offset[]` has the distance from the linked section to each CPU's (arch/x86/kernel/setup_percpu.c, v6.1). */
async function readPerCpu({
  gdb,
  symbols,
}: Pick<ChoreographyContext, 'gdb' | 'symbols'>): Promise<PerCpu | undefined> {
  const [first] = symbols.named('__per_cpu_start');
  const [end] = symbols.named('__per_cpu_end');
  const [table] = symbols.named('__per_cpu_offset');
  if (first === undefined || end === undefined || table === undefined) return undefined;
  const cpus = gdb.vcpus.length;
  const bytes = await readKernelMemory(gdb, table.address, cpus * POINTER_BYTES);
  if (bytes === undefined) return undefined;
  // A symbol table finds nothing below the kernel's addresses, where this section may be linked.
  const inside = symbols
    .all()
    .filter(({ address, name }) => address >= first.address && address < end.address && name !== first.name)
    .toSorted((one, other) => (one.address < other.address ? -1 : 1));
  const offsets = Array.from({ length: cpus }, (_, cpu) => bytes.readBigUInt64LE(cpu * POINTER_BYTES));
  return { first: first.address, end: end.address, symbols: inside, offsets };
}
