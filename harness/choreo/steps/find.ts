import { type LockedFact, MOST_OF_A_FUNCTION } from '../../model/locked-instructions.js';
import { disassemble, findSymbol, lockedInstructions } from '../../symbols/index.js';
import type { StepOf } from '../../trigger/choreography-steps.js';
import { readFunctionCode } from '../code-location.js';
import type { ChoreographyContext } from '../context.js';
import { NotReached } from '../not-reached.js';
import type { Vcpus } from '../vcpus.js';

type Found = LockedFact['functions'][number];

/** Finds the locked instructions of functions, in the running kernel's memory; leaves a fact. Nothing runs. */
export async function find({ lockedIn }: StepOf<'find'>, { context }: Vcpus): Promise<string> {
  const functions: Found[] = [];
  const missing: { function: string; why: string }[] = [];
  for (const name of new Set(lockedIn)) {
    try {
      functions.push(await ofFunction(name, context));
    } catch (error) {
      if (!(error instanceof NotReached)) throw error;
      missing.push({ function: name, why: `${error.what}: ${error.saw}`.slice(0, 1000) });
    }
  }
  context.fact({ fact: 'locked', functions, missing });
  const count = functions.reduce((sum, { instructions }) => sum + instructions.length, 0);
  return `${count} locked instructions in ${functions.length} functions; ${missing.length} functions not found`;
}

async function ofFunction(name: string, context: ChoreographyContext): Promise<Found> {
  const symbol = findSymbol(name, 'text', context.symbols);
  if ('saw' in symbol) throw new NotReached(symbol.what, symbol.saw);
  const { code, bytes } = await readFunctionCode(symbol, context);
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
  return {
    function: name,
    instructions: instructions.map(({ offset, mnemonic: instruction, used }) => {
      return { offset, instruction, text: textAt(offset).slice(0, 200), used };
    }),
    undecodable: code.undecodable.reduce((sum, { length }) => sum + length, 0),
  };
}
