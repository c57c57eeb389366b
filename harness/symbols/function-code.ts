import { type Instruction, readInstructions } from './decode.js';

/** Bytes of guest memory. For a function, `size` (from the symbol table) bounds what is read. */
export interface CodeBytes {
  readonly bytes: Uint8Array;
  readonly address: bigint;
  /** Bytes that belong to the function; the rest of `bytes` belongs to other code. Default: all. */
  readonly size?: number;
}

/**
 * How an instruction was found. `flow`: some path of direct jumps leads to it from the function's first byte, so its
 * start is certain. `sweep`: decoded in line in a part that no such path enters (after `ud2`, behind a jump table, a
 * static key's out-of-line branch): code in practice, not proved.
 */
export type Found = 'flow' | 'sweep';

/** An instruction of a function. */
export interface FunctionInstruction extends Instruction {
  readonly found: Found;
}

/** A range that does not decode as code. */
export interface Undecodable {
  readonly address: bigint;
  readonly length: number;
}

/** How a function begins: with or without `endbr64`, and ftrace's five bytes off (`nop`), on (`call`) or absent. */
export interface FunctionEntry {
  readonly endbr: boolean;
  readonly ftrace: 'nop' | 'call' | 'none';
  /** The first instruction of the function's own code. */
  readonly bodyAddress: bigint;
}

/** A decoded function. */
export interface FunctionCode {
  readonly address: bigint;
  readonly size: number;
  /** In order of address; no two overlap. */
  readonly instructions: readonly FunctionInstruction[];
  readonly undecodable: readonly Undecodable[];
  readonly entry: FunctionEntry;
}

/** Length of the instruction that ftrace patches: `nopl 0x0(%rax,%rax,1)` or `call rel32`. */
const FTRACE_BYTES = 5;

/**
 * Decodes a function: first along its control flow, then linearly through the rest. Bytes that decode to no
 * instruction, or to one that would overlap proved code, are reported as undecodable, never guessed.
 */
export function decodeFunction(code: CodeBytes): FunctionCode {
  const size = Math.min(code.size ?? code.bytes.length, code.bytes.length);
  const bytes = code.bytes.subarray(0, size);
  const reader = readInstructions(bytes, code.address);
  try {
    const at = new Map<number, FunctionInstruction>();
    // owner[i] is 1 + the offset of the instruction that covers byte i, or 0.
    const owner = new Uint32Array(size);
    const take = (offset: number, found: Found): FunctionInstruction | undefined => {
      const instruction = reader.at(offset);
      if (instruction === undefined) return undefined;
      for (let i = offset; i < offset + instruction.length; i += 1) if (owner[i] !== 0) return undefined;
      owner.fill(offset + 1, offset, offset + instruction.length);
      const kept = { ...instruction, found };
      at.set(offset, kept);
      return kept;
    };
    followFlow(code.address, size, (offset) => (at.has(offset) ? undefined : take(offset, 'flow')));
    const undecodable = sweepGaps(code.address, owner, take);
    const instructions = [...at.entries()].sort(([left], [right]) => left - right).map(([, kept]) => kept);
    return { address: code.address, size, instructions, undecodable, entry: entryOf(instructions) };
  } finally {
    reader.free();
  }
}

/** The instruction that covers an address, or undefined in an undecodable range or outside of the function. */
export function instructionAt(code: FunctionCode, address: bigint): FunctionInstruction | undefined {
  return code.instructions.find(
    (instruction) =>
      instruction.address <= address && address < instruction.address + BigInt(instruction.length),
  );
}

/** The instructions that start in [first, end). */
export function instructionsOf(
  code: FunctionCode,
  first: bigint,
  end: bigint,
): readonly FunctionInstruction[] {
  return code.instructions.filter((instruction) => instruction.address >= first && instruction.address < end);
}

/** The instruction that ends exactly at an address: what a return address follows. */
export function instructionBefore(code: FunctionCode, address: bigint): FunctionInstruction | undefined {
  return code.instructions.find(
    (instruction) => instruction.address + BigInt(instruction.length) === address,
  );
}

function followFlow(
  address: bigint,
  size: number,
  take: (offset: number) => FunctionInstruction | undefined,
): void {
  const starts = [0];
  for (let start = starts.pop(); start !== undefined; start = starts.pop()) {
    let offset = start;
    while (offset < size) {
      const instruction = take(offset);
      if (instruction === undefined) break;
      const inside = offsetInside(instruction, address, size);
      if (inside !== undefined && instruction.kind !== 'call') starts.push(inside);
      if (endsFlow(instruction)) break;
      offset += instruction.length;
    }
  }
}

function offsetInside(instruction: Instruction, address: bigint, size: number): number | undefined {
  if (instruction.target === undefined) return undefined;
  const offset = instruction.target - address;
  return offset >= 0n && offset < BigInt(size) ? Number(offset) : undefined;
}

/** `ud2` ends it too: execution continues after WARN() and not after BUG(), and the bytes are the same. */
function endsFlow(instruction: Instruction): boolean {
  return ['jump', 'jump-indirect', 'return', 'trap'].includes(instruction.kind);
}

function sweepGaps(
  address: bigint,
  owner: Uint32Array,
  take: (offset: number, found: Found) => FunctionInstruction | undefined,
): readonly Undecodable[] {
  const undecodable: Undecodable[] = [];
  let offset = 0;
  while (offset < owner.length) {
    if (owner[offset] !== 0) {
      offset += 1;
      continue;
    }
    const instruction = take(offset, 'sweep');
    if (instruction !== undefined) {
      offset += instruction.length;
      continue;
    }
    // Where the next instruction would start is unknown: up to the next proved one, all is undecodable.
    const next = owner.findIndex((kept, index) => index > offset && kept !== 0);
    const end = next < 0 ? owner.length : next;
    undecodable.push({ address: address + BigInt(offset), length: end - offset });
    offset = end;
  }
  return undecodable;
}

function entryOf(instructions: readonly FunctionInstruction[]): FunctionEntry {
  const endbr = instructions[0]?.shape === 'endbr';
  const patched = instructions[endbr ? 1 : 0];
  const start = instructions[0]?.address ?? 0n;
  const afterEndbr = endbr ? start + 4n : start;
  if (patched === undefined || patched.length !== FTRACE_BYTES)
    return { endbr, ftrace: 'none', bodyAddress: afterEndbr };
  const ftrace = patched.shape === 'nop' ? 'nop' : patched.kind === 'call' ? 'call' : 'none';
  return { endbr, ftrace, bodyAddress: ftrace === 'none' ? afterEndbr : afterEndbr + 5n };
}
