import { decodeFunction, type FunctionCode, type FunctionInstruction } from './function-code.js';
import { type PagedMemory, type Reading } from './guest-memory.js';
import type { SymbolTable } from './kallsyms.js';
import { sortOf } from './symbol.js';
import { type CallEffect, flowOf, type Value, type ValueFlow, valueOfKey } from './value-flow.js';

/** Functions of a kernel, with their values. One per stopped machine: code is decoded once. */
export interface FunctionFlows {
  /** Undefined without a symbol or readable bytes, and for code that is too long. */
  at(address: bigint): Reading<ValueFlow | undefined>;
  codeAt(address: bigint): Reading<FunctionCode | undefined>;
}

/** What a function does to locks; `wraps`: its code is to be asked. */
export type NamedEffect = 'none' | 'nothing' | 'takes' | 'tries' | 'gives' | 'gives-all' | 'wraps';

/** Wrappers of lock functions inside each other. */
const MOST_WRAPPERS = 2;
/** Parts of a function that GCC puts elsewhere; both jump into each other. */
const COLD = /\.cold(?:\.|$)/;
/** Longer functions are not followed. */
const MOST_BYTES = 16 * 1024;

/** The flows of one stopped kernel. `effectOf` says what functions do to locks, by their names. */
export function functionFlows(
  table: SymbolTable,
  { memory, effectOf }: { readonly memory: PagedMemory; readonly effectOf: (name: string) => NamedEffect },
): FunctionFlows {
  const codes = new Map<bigint, { readonly code: FunctionCode; readonly bytes: Uint8Array } | undefined>();
  const flows = new Map<bigint, ValueFlow | undefined>();
  function* read(address: bigint) {
    const found = table.at(address);
    if (found === undefined || sortOf(found.symbol) !== 'text' || found.size > MOST_BYTES) return undefined;
    const start = found.symbol.address;
    if (!codes.has(start)) {
      const bytes = yield* memory.bytes(start, found.size);
      codes.set(start, bytes && { code: decodeFunction({ bytes, address: start }), bytes });
    }
    return codes.get(start);
  }
  const effects = new Map<bigint, CallEffect>();
  function* flowAt(address: bigint, depth: number): Reading<ValueFlow | undefined> {
    const known = yield* read(address);
    if (known === undefined) return undefined;
    const { code, bytes } = known;
    if (flows.has(code.address)) return flows.get(code.address);
    for (const { kind, target } of code.instructions)
      if (kind === 'call' && target !== undefined) yield* learnEffect(target, depth);
    const callEffect = ({ target }: FunctionInstruction): CallEffect =>
      (target === undefined ? undefined : effects.get(target)) ?? { kind: 'none' };
    const name = table.at(code.address)?.symbol.name ?? '';
    const alsoEntered: bigint[] = [];
    for (const part of COLD.test(name) ? [] : table.related(name)) {
      if (!COLD.test(part.name)) continue;
      const cold = (yield* read(part.address))?.code;
      for (const { target } of cold?.instructions ?? [])
        if (target !== undefined && target !== code.address && !isOutside(code, target))
          alsoEntered.push(target);
    }
    const flow = flowOf({ code, bytes, callEffect, isEntry: !COLD.test(name), alsoEntered });
    flows.set(code.address, flow);
    return flow;
  }
  function* learnEffect(target: bigint, depth: number): Reading<void> {
    if (effects.has(target)) return;
    const found = table.at(target);
    const effect = found === undefined ? 'none' : effectOf(found.symbol.name);
    if (effect !== 'wraps') {
      effects.set(target, { kind: effect });
      return;
    }
    effects.set(target, { kind: 'none' });
    const code = depth >= MOST_WRAPPERS ? undefined : (yield* read(target))?.code;
    const flow = code === undefined ? undefined : yield* flowAt(target, depth + 1);
    const taken = code === undefined || flow === undefined ? undefined : heldAtReturn(code, flow);
    if (taken !== undefined) effects.set(target, { kind: 'takes', lock: taken });
  }
  return {
    *codeAt(address) {
      return (yield* read(address))?.code;
    },
    at: (address) => flowAt(address, 0),
  };
}

/** The one lock that a function has taken wherever it returns, by a constant address or one in its first argument. */
function heldAtReturn(code: FunctionCode, flow: ValueFlow): Value | undefined {
  const states = code.instructions
    .filter(({ kind, target }) => kind === 'return' || (kind === 'jump' && isOutside(code, target)))
    .flatMap(({ address }) => flow.before(address) ?? []);
  const [first] = states;
  if (first === undefined) return undefined;
  const keys = [...first.held].filter((key) => states.every(({ held }) => held.has(key)));
  const [key] = keys;
  if (key === undefined || keys.length > 1) return undefined;
  const value = valueOfKey(key);
  return value.origin === '' || value.origin === 'in:rdi' ? value : undefined;
}

function isOutside({ address, size }: FunctionCode, target: bigint | undefined): boolean {
  return target !== undefined && (target < address || target >= address + BigInt(size));
}
