import { readKernelMemory } from '../autopsy/kernel-memory.js';
import type { Registers } from '../machine/debugger.js';
import type { KernelSymbol } from '../symbols/index.js';
import type { ChoreographyContext } from './context.js';

/** Bytes of one entry of `__per_cpu_offset[]` (arch/x86/kernel/setup_percpu.c, v6.1). */
const POINTER_BYTES = 8;

/** The per-CPU section as it is linked, its variables in order, and where each CPU's copy is. */
interface PerCpu {
  readonly first: bigint;
  readonly end: bigint;
  readonly symbols: readonly KernelSymbol[];
  readonly bases: readonly bigint[];
}

/** Names of kernel data by address: variables, and each CPU's copy of a per-CPU variable. */
export class DataNames {
  readonly #context: ChoreographyContext;
  #perCpu: PerCpu | undefined;
  #asked = false;

  constructor(context: ChoreographyContext) {
    this.#context = context;
  }

  /** `ioapic_lock`, `runqueues+0x40 of cpu1`; undefined for what no symbol covers, such as allocated objects. */
  async of(address: bigint, { gs_base: own }: Pick<Registers, 'gs_base'>): Promise<string | undefined> {
    const { symbols } = this.#context;
    const perCpu = await this.#perCpuBases();
    if (perCpu !== undefined) {
      const bases = [own, ...perCpu.bases];
      for (const [index, base] of bases.entries()) {
        const linked = BigInt.asUintN(64, address - base);
        if (linked < perCpu.first || linked >= perCpu.end) continue;
        const cpu = index === 0 ? perCpu.bases.indexOf(own) : index - 1;
        const symbol = perCpu.symbols.findLast(({ address: at }) => at <= linked);
        if (symbol === undefined) return undefined;
        return `${withOffset({ symbol, offset: Number(linked - symbol.address) })} of cpu${cpu < 0 ? '?' : cpu}`;
      }
    }
    const found = symbols.at(address);
    return found === undefined ? undefined : withOffset(found);
  }

  async #perCpuBases(): Promise<PerCpu | undefined> {
    if (this.#asked) return this.#perCpu;
    this.#asked = true;
    const { gdb, symbols } = this.#context;
    const [[first], [end], [offsets]] = [
      symbols.named('__per_cpu_start'),
      symbols.named('__per_cpu_end'),
      symbols.named('__per_cpu_offset'),
    ];
    if (first === undefined || end === undefined) return undefined;
    const count = gdb.vcpus.length;
    const bytes =
      offsets === undefined ? undefined : await readKernelMemory(gdb, offsets.address, count * POINTER_BYTES);
    const bases = Array.from({ length: count }, (_, cpu) =>
      bytes === undefined ? undefined : bytes.readBigUInt64LE(cpu * POINTER_BYTES),
    ).filter((base) => base !== undefined);
    // A symbol table finds no symbol below the kernel's addresses, where this section may be linked.
    const inside = symbols
      .all()
      .filter(({ address, name }) => address >= first.address && address < end.address && name !== first.name)
      .toSorted((one, other) => (one.address < other.address ? -1 : 1));
    this.#perCpu = { first: first.address, end: end.address, symbols: inside, bases };
    return this.#perCpu;
  }
}

function withOffset({ symbol, offset }: { symbol: { readonly name: string }; offset: number }): string {
  return offset === 0 ? symbol.name : `${symbol.name}+0x${offset.toString(16)}`;
}
