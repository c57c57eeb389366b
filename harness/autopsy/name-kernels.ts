import { foldLine } from '../model/escape.js';
import { usageFault } from '../model/fault.js';
import { compareSymbols, movedSymbols, parseVmcoreinfo, type SymbolTable } from '../symbols/index.js';
import type { AutopsiedKernel } from './autopsy.js';
import { type KernelInMemory, type MachineKernels, vmcoreinfoOf } from './kernels-in-memory.js';
import type { PhysicalMemory } from './physical-memory.js';

/** Symbols that the caller gave, at the addresses of any boot. */
export interface GivenSymbols {
  readonly table: SymbolTable;
  /** The kernel's release; a file of kallsyms does not say. */
  readonly release: string | undefined;
  /** The option and its value, for messages. */
  readonly from: string;
}

/** The kernels of a machine with their symbols. */
export interface NamedKernels {
  readonly kernels: { readonly production?: AutopsiedKernel; readonly capture?: AutopsiedKernel };
  /** What is not known of them. */
  readonly unknown: readonly string[];
  /** The text of each kernel's VMCOREINFO. */
  readonly vmcoreinfo: { readonly production?: string; readonly capture?: string };
}

const STEP = 1n << 21n;
const BANNER = /^Linux version ([!-~]{1,128}) \(/;
const BANNER_BYTES = 160;
const IN_MEMORY = "the guest's memory";

/**
 * Gives each kernel in memory its symbols: those that were given, when every function of the kernel's own table agrees
 * with them, or else its own. Throws a usage fault when the given ones are of none of the kernels.
 */
export async function nameKernels(
  found: MachineKernels,
  { given, memory }: { readonly given: GivenSymbols | undefined; readonly memory: PhysicalMemory },
): Promise<NamedKernels> {
  const kernels: { production?: AutopsiedKernel; capture?: AutopsiedKernel } = {};
  const vmcoreinfo: { production?: string; capture?: string } = {};
  const unknown: string[] = [];
  const refusals: string[] = [];
  for (const side of ['production', 'capture'] as const) {
    const kernel = found[side];
    if (kernel === undefined) continue;
    const own = kernel.own && { symbols: kernel.own.table, release: kernel.own.release, from: IN_MEMORY };
    const named = given === undefined ? undefined : nameKernel(kernel, given);
    if (named !== undefined && 'refused' in named) refusals.push(named.refused);
    const chosen = named === undefined || 'refused' in named ? own : named;
    if (chosen === undefined) {
      const whose = side === 'capture' ? 'capture kernel' : 'kernel';
      unknown.push(
        `the symbols of the ${whose}: its memory holds no table of all symbols (CONFIG_KALLSYMS_ALL); give --vmlinux`,
      );
      continue;
    }
    const at = { tables: kernel.tables, symbols: chosen.symbols };
    const text = kernel.vmcoreinfo ?? (await vmcoreinfoOf(at, memory));
    if (text !== undefined) vmcoreinfo[side] = text;
    const offset = text === undefined ? undefined : parseVmcoreinfo(text).kernelOffset;
    kernels[side] = { ...chosen, ...(offset === undefined ? {} : { offset }) };
  }
  const count = Number(found.production !== undefined) + Number(found.capture !== undefined);
  if (given !== undefined && count > 0 && refusals.length === count) {
    throw usageFault(
      `cannot use ${quoted(given.from)}: ${refusals[0] ?? ''}; give the symbols of that build, or leave them out`,
    );
  }
  if (Object.keys(kernels).length > 0) unknown.push('names of functions in modules');
  return { kernels, unknown, vmcoreinfo };
}

/** `--vmlinux FILE` as messages have it. */
function quoted(from: string): string {
  return from.replace(/ (.*)$/s, ' "$1"');
}

type Named = AutopsiedKernel | { readonly refused: string };

function nameKernel(kernel: KernelInMemory, given: GivenSymbols): Named {
  const { own } = kernel;
  if (own === undefined) return byBanner(kernel, given);
  const agreement = compareSymbols(given.table, own);
  if (agreement.kind === 'same') {
    return { symbols: moved(given.table, agreement.offset), release: own.release, from: given.from };
  }
  const theirs = given.release === undefined ? 'it is of another kernel' : `it is of kernel ${given.release}`;
  const where =
    agreement.name === undefined
      ? 'they have hardly a function in common'
      : `${foldLine(agreement.name, 80)} is elsewhere`;
  return { refused: `${theirs}, the memory holds ${own.release} (${where})` };
}

function moved(table: SymbolTable, offset: bigint): SymbolTable {
  return offset === 0n ? table : movedSymbols(table, offset);
}

/** A kernel without a table of its own: its banner must be where the symbols say, moved by a multiple of 2 MiB. */
function byBanner({ base, bytes }: KernelInMemory, given: GivenSymbols): Named {
  const [banner] = given.table.named('linux_banner');
  if (banner === undefined) return { refused: 'it has no linux_banner, by which a kernel is recognized' };
  const first = base + ((((banner.address - base) % STEP) + STEP) % STEP);
  for (let at = first; at < base + BigInt(bytes.length); at += STEP) {
    const from = Number(at - base);
    const release = BANNER.exec(bytes.toString('latin1', from, from + BANNER_BYTES))?.[1];
    if (release === undefined) continue;
    if (given.release !== undefined && release !== given.release) {
      return { refused: `it is of kernel ${given.release}, the memory holds ${release}` };
    }
    return {
      symbols: moved(given.table, at - banner.address),
      release,
      from: `${given.from}, recognized by the banner alone`,
    };
  }
  return { refused: 'the kernel in memory has no banner where it says' };
}
