import {
  type CodeBytes,
  decodeFunction,
  type Found,
  type FunctionCode,
  type FunctionInstruction,
} from './function-code.js';

/**
 * An instruction of a function that calls or jumps to a target. Only a call leaves a return address on the stack; a
 * tail jump replaces the function, so there is no return and no place for a breakpoint behind it.
 */
export type CallSite =
  | {
      /** `call-through-slot`: `call *slot(%rip)`, and the slot is one of the targets. */
      readonly kind: 'call' | 'call-through-slot';
      readonly callAddress: bigint;
      readonly returnAddress: bigint;
      readonly target: bigint;
      readonly found: Found;
    }
  | {
      readonly kind: 'tail-jump' | 'conditional-tail-jump' | 'tail-jump-through-slot';
      readonly callAddress: bigint;
      readonly target: bigint;
      readonly found: Found;
    };

/**
 * All instructions of one function that call or jump to one of the targets, in order of address. A target may be a
 * function, an `__x86_indirect_thunk_*`, a static call's trampoline (`__SCT__*`), or the address of a pointer. ftrace's
 * call at the entry is not treated specially; `decodeFunction` identifies the entry.
 */
export function findCallSites(
  code: CodeBytes | FunctionCode,
  targets: Iterable<bigint>,
): readonly CallSite[] {
  const wanted = new Set(targets);
  const taken = 'instructions' in code ? code : decodeFunction(code);
  return taken.instructions.flatMap((instruction) => siteOf(instruction, wanted) ?? []);
}

function siteOf(instruction: FunctionInstruction, wanted: ReadonlySet<bigint>): CallSite | undefined {
  const target = instruction.target ?? instruction.slot;
  if (target === undefined || !wanted.has(target)) return undefined;
  const { address: callAddress, length, found } = instruction;
  const returnAddress = callAddress + BigInt(length);
  switch (instruction.kind) {
    case 'call':
      return { kind: 'call', callAddress, returnAddress, target, found };
    case 'call-indirect':
      return { kind: 'call-through-slot', callAddress, returnAddress, target, found };
    case 'jump':
      return { kind: 'tail-jump', callAddress, target, found };
    case 'conditional-jump':
      return { kind: 'conditional-tail-jump', callAddress, target, found };
    case 'jump-indirect':
      return { kind: 'tail-jump-through-slot', callAddress, target, found };
    case 'return':
    case 'trap':
    case 'other':
      return undefined;
  }
}
