import { inspectVcpus } from '../autopsy/inspect-vcpu.js';
import { type KernelReader, readKernelMemory } from '../autopsy/kernel-memory.js';
import {
  type FunctionCode,
  decodeFunction,
  findCallSites,
  findSymbol,
  type KernelSymbol,
  type SymbolTable,
} from '../symbols/index.js';
import type { Location } from '../trigger/choreography-steps.js';
import { NotReached } from './not-reached.js';

/** A location in the running kernel's code. */
export interface CodeLocation {
  readonly address: bigint;
  /** The scenario's name of it, with the symbols that were chosen. */
  readonly name: string;
  /** The instruction is meant, also where a function begins with it. */
  readonly instruction?: true;
}

/**
 * Finds a location's address in this kernel. A symbol that it does not have (inlined, renamed), or a function that
 * does not make the call, is `NotReached` with the nearest names.
 */
export async function findLocation(
  location: Location,
  { gdb, symbols }: { gdb: KernelReader; symbols: SymbolTable },
): Promise<CodeLocation> {
  if (typeof location === 'string' || Array.isArray(location)) {
    const symbol = functionNamed(location, symbols);
    return { address: symbol.address, name: symbol.name };
  }
  if ('linear' in location) return { address: BigInt(location.linear), name: location.linear };
  const inside = functionNamed(location.in, symbols);
  if ('offset' in location) {
    const address = inside.address + BigInt(location.offset);
    const name = `${inside.name}+0x${location.offset.toString(16)}`;
    return requireInstruction(address, name, await readFunction(inside, { gdb, symbols }));
  }
  if ('instruction' in location) {
    const code = await readFunction(inside, { gdb, symbols });
    const found = code.instructions.find(({ mnemonic }) => mnemonic === location.instruction);
    if (found !== undefined)
      return { address: found.address, name: `${location.instruction} in ${inside.name}` };
    throw new NotReached(
      `find a ${location.instruction} in ${inside.name}`,
      `none of its ${code.instructions.length} instructions is one`,
    );
  }
  const callees = names(location.after).flatMap((name) => symbols.named(name).map(({ address }) => address));
  if (callees.length === 0) functionNamed(location.after, symbols);
  const code = await readFunction(inside, { gdb, symbols });
  const site = findCallSites(code, callees).find(
    ({ kind }) => kind === 'call' || kind === 'call-through-slot',
  );
  if (site === undefined || !('returnAddress' in site)) {
    throw new NotReached(
      `find the call of ${names(location.after).join(' or ')} in ${inside.name}`,
      `it is not called there; calls: ${calledBy(code, symbols)}`,
    );
  }
  const callee = symbols.at(site.target)?.symbol.name ?? symbols.label(site.target);
  return { address: site.returnAddress, name: `after ${callee} in ${inside.name}` };
}

/** A breakpoint inside an instruction is never hit: the offset is from another build of the kernel. */
function requireInstruction(address: bigint, name: string, code: FunctionCode): CodeLocation {
  if (code.instructions.some((instruction) => instruction.address === address))
    return { address, name, instruction: true };
  const near = code.instructions.flatMap((instruction) => {
    const offset = Number(instruction.address - code.address);
    return Math.abs(Number(instruction.address - address)) <= 16 ? [`+0x${offset.toString(16)}`] : [];
  });
  throw new NotReached(
    `find the instruction ${name}`,
    `no instruction begins there; near it: ${near.join(', ') || 'none'}`,
  );
}

/** The first of several names that this kernel has as a function; `NotReached` when there is none, or several. */
export function functionNamed(wanted: string | readonly string[], symbols: SymbolTable): KernelSymbol {
  const found = findSymbol(wanted, 'text', symbols);
  if ('saw' in found) throw new NotReached(found.what, found.saw);
  return found;
}

/** The same for a variable. */
export function variableNamed(wanted: string | readonly string[], symbols: SymbolTable): KernelSymbol {
  const found = findSymbol(wanted, 'data', symbols);
  if ('saw' in found) throw new NotReached(found.what, found.saw);
  return found;
}

/** One name or several, as several. */
export function names(wanted: string | readonly string[]): readonly string[] {
  return typeof wanted === 'string' ? [wanted] : wanted;
}

async function readFunction(
  symbol: KernelSymbol,
  context: { gdb: KernelReader; symbols: SymbolTable },
): Promise<FunctionCode> {
  return (await readFunctionCode(symbol, context)).code;
}

/** A function of the running kernel: its bytes, and what they decode to. `NotReached` when no page tables map it. */
export async function readFunctionCode(
  symbol: KernelSymbol,
  { gdb, symbols }: { gdb: KernelReader; symbols: SymbolTable },
): Promise<{ readonly code: FunctionCode; readonly bytes: Buffer }> {
  const size = symbols.at(symbol.address)?.size ?? 0;
  const bytes = await readKernelMemory(gdb, symbol.address, size);
  if (bytes === undefined)
    throw new NotReached(
      `read the code of ${symbol.name}`,
      `no page tables map it; ${await inspectVcpus({ gdb, symbols })}`,
    );
  return { code: decodeFunction({ bytes, address: symbol.address, size }), bytes };
}

function calledBy(code: FunctionCode, symbols: SymbolTable): string {
  const called = code.instructions.flatMap(({ kind, target }) =>
    kind === 'call' && target !== undefined ? [symbols.label(target).replace(/\+0x0\/.*/, '')] : [],
  );
  return [...new Set(called)].slice(0, 12).join(', ') || 'none';
}
