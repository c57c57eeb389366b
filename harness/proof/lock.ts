import { z } from 'zod';
import { findSymbol, type SymbolNotFound } from '../symbols/find-symbol.js';
import { symbolSchema } from './names.js';
import { type Rule, ruled } from './proof.js';
import type { StoppedWitness } from './witness.js';

const Schema = z.strictObject({ lock: symbolSchema, held: z.boolean() });
type Asked = z.infer<typeof Schema>;

const WORD_BYTES = 4;

const rule: Rule<Asked, SymbolNotFound | { readonly word: number | undefined }, StoppedWitness> = {
  what: ({ lock: name, held }) => `${name} is ${held ? 'held' : 'free'}`,
  async ask({ lock: name }, { kernel }) {
    const symbol = findSymbol(name, 'data', kernel.symbols);
    if ('saw' in symbol) return symbol;
    const bytes = await kernel.read(symbol.address, WORD_BYTES);
    return { word: bytes === undefined ? undefined : Buffer.from(bytes).readUInt32LE(0) };
  },
  judge({ held }, answer) {
    if ('saw' in answer) return { proved: false, ...answer };
    const { word } = answer;
    if (word === undefined) return { proved: false, saw: 'its memory cannot be read' };
    // The word of a qspinlock (include/asm-generic/qspinlock_types.h): its lowest byte is the lock itself.
    return { proved: ((word & 0xff) !== 0) === held, saw: `lock word 0x${word.toString(16)}` };
  },
};

/** `lock: ioapic_lock, held: true`: a spinlock's word, at the symbol. */
export const lock = { name: 'lock', choreography: ruled(Schema, rule) };
