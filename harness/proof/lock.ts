import { z } from 'zod';
import { type DataSeen, readData } from './kernel-data.js';
import { symbolSchema } from './names.js';
import { type Rule, ruled } from './proof.js';
import type { MachineWitness } from './witness.js';

const Schema = z.strictObject({ lock: symbolSchema, held: z.boolean() });
type Asked = z.infer<typeof Schema>;

const WORD_BYTES = 4;

const rule: Rule<Asked, DataSeen, MachineWitness> = {
  what: ({ lock: name, held }) => `${name} is ${held ? 'held' : 'free'}`,
  ask: ({ lock: name }, witness) => readData(name, { offset: 0, length: WORD_BYTES }, witness),
  judge({ held }, answer) {
    if ('saw' in answer) return { proved: false, ...answer };
    const word = Buffer.from(answer.bytes).readUInt32LE(0);
    // The word of a qspinlock (include/asm-generic/qspinlock_types.h): its lowest byte is the lock itself.
    return { proved: ((word & 0xff) !== 0) === held, saw: `lock word 0x${word.toString(16)}` };
  },
};

/** `lock: ioapic_lock, held: true`: a spinlock's word, at the symbol. */
export const lock = { name: 'lock', choreography: ruled(Schema, rule) };
