import { type Instruction, readInstructions } from './decode.js';
import { type PagedMemory, pagedMemory, type Reading } from './guest-memory.js';

/** How far a search goes. */
export interface AheadBounds {
  /** Calls inside calls: 1 is the function's own body. */
  readonly depth: number;
  /** Instructions decoded in all. */
  readonly most: number;
}

/** Longest x86 instruction, bytes. */
const MAX_INSTRUCTION_BYTES = 15;

/**
 * Addresses of all instructions of one mnemonic that a function may come to, in itself and in what it calls, along
 * direct branches and pointers that are set already; 64-bit code without symbols will do. Not a proof of anything:
 * some may never be executed, and what is called through a register is not seen.
 */
export function* findAhead(entry: bigint, mnemonic: string, bounds: AheadBounds): Reading<readonly bigint[]> {
  const memory = pagedMemory();
  const found = new Set<bigint>();
  const seen = new Set<bigint>();
  const entered = new Set([entry]);
  let functions: readonly bigint[] = [entry];
  for (let depth = 0; depth < bounds.depth && functions.length > 0; depth += 1) {
    const called: bigint[] = [];
    for (const start of functions) {
      const starts = [start];
      for (let at = starts.pop(); at !== undefined; at = starts.pop()) {
        for (let next: bigint | undefined = at; next !== undefined && seen.size < bounds.most; ) {
          if (seen.has(next)) break;
          seen.add(next);
          const instruction: Instruction | undefined = yield* instructionOf(next, memory);
          if (instruction === undefined) break;
          if (instruction.mnemonic === mnemonic) found.add(next);
          const goal = yield* goalOf(instruction, memory);
          if (goal !== undefined) (instruction.kind.startsWith('call') ? called : starts).push(goal);
          next = endsHere(instruction) ? undefined : next + BigInt(instruction.length);
        }
      }
    }
    functions = called.filter((callee) => !entered.has(callee));
    for (const callee of functions) entered.add(callee);
  }
  return [...found];
}

function* instructionOf(address: bigint, memory: PagedMemory): Reading<Instruction | undefined> {
  // The last instruction before an unmapped page is shorter than the longest one.
  for (const length of [MAX_INSTRUCTION_BYTES, Number(4096n - (address % 4096n))]) {
    const bytes = yield* memory.bytes(address, Math.min(length, MAX_INSTRUCTION_BYTES));
    if (bytes === undefined) continue;
    const reader = readInstructions(bytes, address);
    try {
      const instruction = reader.at(0);
      if (instruction !== undefined) return instruction;
    } finally {
      reader.free();
    }
  }
  return undefined;
}

function* goalOf({ target, slot }: Instruction, memory: PagedMemory): Reading<bigint | undefined> {
  if (target !== undefined) return target;
  return slot === undefined ? undefined : yield* memory.word(slot);
}

function endsHere({ kind }: Instruction): boolean {
  return kind === 'jump' || kind === 'jump-indirect' || kind === 'return' || kind === 'trap';
}
