import { type LockedFact, MOST_FUNCTIONS, MOST_OF_A_FUNCTION } from '../../model/locked-instructions.js';
import { disassemble, type FunctionCode, lockedInstructions, type SymbolTable } from '../../symbols/index.js';
import type { StepOf } from '../../trigger/choreography-steps.js';
import { functionNamed, readFunctionCode } from '../code-location.js';
import type { ChoreographyContext } from '../context.js';
import { NotReached } from '../not-reached.js';
import type { Vcpus } from '../vcpus.js';

type Found = LockedFact['functions'][number];

/** Finds the locked instructions of functions, in the running kernel's memory; leaves a fact. Nothing runs. */
export async function find(
  { lockedIn, calledToo }: StepOf<'find'>,
  { context }: Pick<Vcpus, 'context'>,
): Promise<string> {
  const functions: Found[] = [];
  const missing: { function: string; why: string }[] = [];
  const wanted = new Set(lockedIn);
  const asked = wanted.size;
  for (const name of wanted) {
    try {
      const { code, found } = await inFunction(name, context);
      functions.push(found);
      // A set that grows is iterated to its end: those that they call come after all that were asked for.
      if (calledToo !== true || functions.length + missing.length > asked) continue;
      for (const called of calledBy(code, context.symbols))
        if (wanted.size < MOST_FUNCTIONS) wanted.add(called);
    } catch (error) {
      if (!(error instanceof NotReached)) throw error;
      missing.push({ function: name, why: `${error.what}: ${error.saw}`.slice(0, 1000) });
    }
  }
  context.fact({ fact: 'locked', functions, missing });
  const count = functions.reduce((sum, { instructions }) => sum + instructions.length, 0);
  return `${count} locked instructions in ${functions.length} functions; ${missing.length} functions not found`;
}

async function inFunction(
  name: string,
  context: ChoreographyContext,
): Promise<{ readonly code: FunctionCode; readonly found: Found }> {
  const { code, bytes } = await readFunctionCode(functionNamed(name, context.symbols), context);
  const instructions = lockedInstructions(code, bytes);
  if (instructions.length > MOST_OF_A_FUNCTION)
    throw new NotReached(
      `find the locked instructions of ${name}`,
      `it has ${instructions.length}, more than ${MOST_OF_A_FUNCTION}`,
    );
  const textAt = (offset: number) =>
    disassemble(bytes.subarray(offset), {
      address: code.address + BigInt(offset),
      bits: 64,
      nameOf: (target) => context.symbols.label(target),
    })?.text ?? '';
  const found = {
    function: name,
    instructions: instructions.map(({ offset, mnemonic: instruction, used }) => {
      return { offset, instruction, text: textAt(offset).slice(0, 200), used };
    }),
    undecodable: code.undecodable.reduce((sum, { length }) => sum + length, 0),
  };
  return { code, found };
}

/** The functions that its direct calls and last jumps enter at their first instruction. */
function calledBy({ instructions }: FunctionCode, symbols: SymbolTable): string[] {
  return instructions.flatMap(({ target }) => {
    const entered = target === undefined ? undefined : symbols.at(target);
    return entered?.offset === 0 ? [entered.symbol.name] : [];
  });
}
