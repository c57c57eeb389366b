import t from 'tap';
import type { HostFact } from '../../model/record.js';
import { madeRegisters } from '../../testing/builders/registers.js';
import { symbolsOf } from '../../testing/fakes/witness.js';
import type { ChoreographyContext } from '../context.js';
import { find } from './find.js';

const TEXT = 0xffffffff81000000n;
const SYMBOLS = symbolsOf(
  [
    'ffffffff81000000 T __crash_kexec',
    'ffffffff81000020 t kexec_trylock',
    'ffffffff81000040 t twice',
    'ffffffff81000060 t twice',
    'ffffffff81000080 t broken',
    'ffffffff810000a0 t end',
    'ffffffff82000000 b __kexec_lock',
    'ffffffff82000010 b end_of_data',
    '',
  ].join('\n'),
);

/** Code by offset in the text; everything else is `nop`. */
const CODE: readonly (readonly [number, string])[] = [
  // call kexec_trylock; call twice; jmp __crash_kexec; lock addl $0,-4(%rsp); ret
  [0x00, 'e81b000000e836000000ebf4f0834424fc00c3'],
  // lock cmpxchg %edx,(%rdi); sete %al; call broken; ret
  [0x20, 'f00fb1170f94c0e854000000c3'],
  // lock decl (%rdi); then bytes that are no instruction
  [0x80, `f0ff0fc3${'06'.repeat(28)}`],
];

async function found(step: Parameters<typeof find>[0]) {
  const text = Buffer.alloc(0xa0, 0x90);
  for (const [offset, hex] of CODE) Buffer.from(hex, 'hex').copy(text, offset);
  const facts: HostFact[] = [];
  const gdb = {
    vcpus: [0],
    readRegisters: async () => madeRegisters(),
    readMemory: async (address: bigint, length: number) =>
      text.subarray(Number(address - TEXT), Number(address - TEXT) + length),
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part that the step uses
  const context = {
    ...{ gdb, symbols: SYMBOLS },
    fact: (fact: HostFact) => void facts.push(fact),
  } as unknown as ChoreographyContext;
  const saw = await find(step, { context });
  const [fact] = facts;
  if (fact?.fact !== 'locked') throw new Error('no fact');
  return { saw, ...fact };
}

t.test('the locked instructions of what was asked for; a barrier is none', async (t) => {
  const { saw, functions, missing } = await found({ lockedIn: ['__crash_kexec', 'kexec_trylock'] });
  t.strictSame(functions, [
    { function: '__crash_kexec', instructions: [], undecodable: 0 },
    {
      function: 'kexec_trylock',
      instructions: [{ offset: 0, instruction: 'cmpxchg', text: 'lock cmpxchg %edx,(%rdi)', used: true }],
      undecodable: 0,
    },
  ]);
  t.strictSame(missing, []);
  t.equal(saw, '1 locked instructions in 2 functions; 0 functions not found');
});

t.test('functions that they call, and not what those call; each once', async (t) => {
  const { functions, missing } = await found({ lockedIn: ['__crash_kexec'], calledToo: true });
  t.strictSame(
    functions.map(({ function: name }) => name),
    ['__crash_kexec', 'kexec_trylock'],
  );
  t.match(missing, [{ function: 'twice', why: /this kernel has 2 of the name twice/ }]);
});

t.test('what cannot be seen is said', async (t) => {
  const { functions, missing } = await found({ lockedIn: ['broken', 'no_such', 'broken'] });
  t.match(functions, [
    { function: 'broken', instructions: [{ instruction: 'dec', used: false }], undecodable: 28 },
  ]);
  t.match(missing, [{ function: 'no_such', why: /^find the function no_such: this kernel has none/ }]);
});
