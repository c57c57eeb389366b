import { lockEffectOf } from '../autopsy/lock-functions.js';
import { readKernelMemory } from '../autopsy/kernel-memory.js';
import { type LockTakersFact, MOST_TAKERS } from '../model/lock-takers.js';
import { boundedName } from '../model/recorded-calls.js';
import {
  finishReading,
  functionFlows,
  type LockCall,
  lockCalls,
  pagedMemory,
  readFromRegions,
  type SymbolTable,
} from '../symbols/index.js';
import type { StepOf } from '../trigger/choreography-steps.js';
import { variableNamed } from './code-location.js';
import type { ChoreographyContext } from './context.js';
import { NotReached } from './not-reached.js';

const PAGE = 4096n;
/** The text of a distribution's kernel has 14 to 25 MiB. */
const MOST_TEXT_BYTES = 64 * 1024 * 1024;
/** One read of the stub stays well within its deadline. */
const PIECE_BYTES = 256 * 1024;

/**
 * The calls that take locks, in the text of the running kernel as it is now (patched, moved by KASLR), modules left out.
 * Throws NotReached for a variable that the kernel does not have, and for text that cannot be read.
 */
export async function findTakers(
  locks: StepOf<'takers'>,
  { gdb, symbols }: Pick<ChoreographyContext, 'gdb' | 'symbols'>,
): Promise<LockTakersFact[]> {
  const wanted = locks.map((lock) => ({ ...lock, variable: variableNamed(lock.of, symbols) }));
  const text = await readText({ gdb, symbols });
  const flows = functionFlows(symbols, { memory: pagedMemory(), effectOf: lockEffectOf });
  return wanted.map(({ variable, offset = 0, by }): LockTakersFact => {
    const lock = {
      variable: variable.address,
      address: variable.address + BigInt(offset),
      functions: new Set(by.flatMap((name) => symbols.named(name).map(({ address }) => address))),
    };
    const calls = finishReading(lockCalls(lock, { text, symbols, flows }), readFromRegions([text]));
    return {
      ...{ fact: 'lock-takers', lock: boundedName(variable.name), offset, by, bytes: text.bytes.length },
      takers: calls.slice(0, MOST_TAKERS).map(takerOf),
      more: Math.max(0, calls.length - MOST_TAKERS),
    };
  });
}

async function readText({ gdb, symbols }: { gdb: ChoreographyContext['gdb']; symbols: SymbolTable }) {
  const [first] = symbols.named('_stext');
  const [end] = symbols.named('_etext');
  const what = "read the kernel's text";
  if (first === undefined || end === undefined) throw new NotReached(what, 'it has no _stext or _etext');
  const address = first.address - (first.address % PAGE);
  const length = Number(end.address - address + ((PAGE - (end.address % PAGE)) % PAGE));
  if (length <= 0 || length > MOST_TEXT_BYTES)
    throw new NotReached(what, `${length} bytes from _stext to _etext`);
  const pieces: Buffer[] = [];
  for (let at = 0; at < length; at += PIECE_BYTES) {
    const bytes = await readKernelMemory(gdb, address + BigInt(at), Math.min(PIECE_BYTES, length - at));
    if (bytes === undefined) throw new NotReached(what, 'no page tables map it');
    pieces.push(bytes);
  }
  return { address, bytes: Buffer.concat(pieces) };
}

function takerOf({ in: inside, offset, callee, taken }: LockCall): LockTakersFact['takers'][number] {
  return {
    in: boundedName(inside.name),
    offset,
    callee: boundedName(callee.name),
    taken: { in: boundedName(taken.in.name), offset: taken.offset },
  };
}
