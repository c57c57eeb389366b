import t from 'tap';
import type { RecordedCall, RecordedWord } from '../../model/recorded-calls.js';
import { madeCall } from '../../testing/builders/recorded-calls.js';
import { useOf } from './atomics.js';

const DATA = { symbol: 'flag', offset: 0 };

function call(word: Partial<RecordedWord> & Pick<RecordedWord, 'instruction'>): RecordedCall {
  return madeCall({ at: 'f+0x10', data: DATA, word: { bytes: 4, was: '0x0', ...word } });
}

function use(
  word: Parameters<typeof call>[0],
  {
    used = true,
    here = [],
    others = [],
  }: { used?: boolean; here?: readonly RecordedCall[]; others?: readonly RecordedCall[] } = {},
) {
  const stop = call(word);
  return useOf(stop, { used, here: [stop, ...here], all: [stop, ...here, ...others] });
}

t.test('a take: a free word, which gets a fixed value, with a look at what was there', async (t) => {
  t.equal(use({ instruction: 'cmpxchg', expects: '0x0', writes: '0x1' }), 'take');
  t.equal(use({ instruction: 'cmpxchg', was: '0xffffffff', expects: '0xffffffff', writes: '0x0' }), 'take');
  t.equal(use({ instruction: 'xchg', writes: '0x1' }), 'take');
  t.equal(use({ instruction: 'bts', was: '0x4', bit: 0, writes: '0x5' }), 'take', 'beside another bit');
  t.equal(use({ instruction: 'cmpxchg', bytes: 1, was: '0xff', expects: '0xff', writes: '0x3' }), 'take');
});

t.test('near misses', async (t) => {
  const cmpxchg = { instruction: 'cmpxchg', expects: '0x0', writes: '0x1' };
  t.equal(use(cmpxchg, { used: false }), 'unused');
  t.equal(use({ ...cmpxchg, varies: true }), 'varies');
  const next = { ...call({ ...cmpxchg, writes: '0x2' }), data: { symbol: 'flag', offset: 24 } };
  t.equal(use(cmpxchg, { here: [next] }), 'varies', 'another value in the next word');
  t.equal(use(cmpxchg, { here: [call(cmpxchg)] }), 'take', 'the same one');
  t.equal(
    use(
      { instruction: 'bts', bit: 0, writes: '0x1' },
      { here: [call({ instruction: 'bts', was: '0x4', bit: 0, writes: '0x5' })] },
    ),
    'take',
    'the same bit',
  );
  t.equal(use({ ...cmpxchg, was: '0x1' }), 'busy', 'it fails');
  t.equal(use({ ...cmpxchg, was: '0x1', expects: '0x1', writes: '0x0' }), 'release');
  t.equal(use({ ...cmpxchg, was: '0x7', expects: '0x7', writes: '0x8' }), 'busy', 'another word than a flag');
  t.equal(use({ ...cmpxchg, writes: '0x0' }), 'release', 'it only looks');
  t.equal(use({ ...cmpxchg, bytes: 8, writes: '0xffff888003a41000' }), 'varies', 'a task');
  t.equal(use({ instruction: 'xchg', was: '0x1', writes: '0x0' }), 'release');
  t.equal(use({ instruction: 'bts', was: '0x5', bit: 0, writes: '0x5' }), 'busy');
  t.equal(use({ instruction: 'btr' }), 'bits');
  t.equal(use({ instruction: 'or' }), 'bits');
  t.equal(use({ instruction: 'xadd' }), 'counter');
  t.equal(
    useOf(madeCall({ at: 'f' }), { used: true, here: [], all: [] }),
    undefined,
    'no locked instruction',
  );
  const { data: _, ...allocated } = call(cmpxchg);
  t.equal(useOf(allocated, { used: true, here: [], all: [] }), 'allocated');
});

t.test('CPU 0 gives back with 0 -> -1 what it takes with -1 -> 0', async (t) => {
  const took = call({ instruction: 'cmpxchg', was: '0xffffffff', expects: '0xffffffff', writes: '0x0' });
  const back = { instruction: 'cmpxchg', expects: '0x0', writes: '0xffffffff' };
  t.equal(use(back, { others: [took] }), 'release');
  t.equal(use(back), 'take', 'no one else takes it the other way');
  t.equal(use(back, { others: [{ ...took, data: { symbol: 'flag', offset: 4 } }] }), 'take', 'another word');
});
