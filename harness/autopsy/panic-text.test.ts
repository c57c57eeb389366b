import t from 'tap';
import type { Memory } from '../machine/machine.js';
import { panicTextOf } from './panic-text.js';

const BASE = 0x1000_0000;
const RANGES = [{ first: BigInt(BASE), last: BigInt(BASE + 0xffff) }];

/** Memory that holds texts at offsets. */
function memoryWith(texts: Readonly<Record<number, string>>): Memory {
  const all = Buffer.alloc(0x1_0000);
  for (const [at, text] of Object.entries(texts)) all.write(text, Number(at), 'latin1');
  return { read: async (address, bytes) => all.subarray(address - BASE, address - BASE + bytes) };
}

const RECORD = 'Kernel panic - not syncing: No working init found.  Try';

void t.test('a panic by its text, cut where the buffer of panic() ends', async (t) => {
  const find = (texts: Readonly<Record<number, string>>, ...known: string[]) =>
    panicTextOf(memoryWith(texts), { ranges: RANGES, known: new Set(known) });
  t.strictSame(await find({ 0x800: RECORD, 0x4001: 'No working init found.\0' }), {
    fact: 'kernel-log',
    side: 'capture',
    text: 'Kernel panic - not syncing: No working init found.',
  });
  t.match(await find({ 0x800: RECORD }), { text: RECORD }, 'without the buffer: as the record has it');
  t.equal(await find({ 0x801: RECORD }), undefined, 'no record begins there');
  t.equal(
    await find({ 0x800: RECORD, 0x4001: 'No working init found.\0' }, 'No working init found.'),
    undefined,
    'the first kernel said that',
  );
  t.equal(await find({}), undefined);
});
