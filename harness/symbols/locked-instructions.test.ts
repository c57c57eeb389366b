import t from 'tap';
import { decodeFunction } from './function-code.js';
import { lockedInstructions, lockedOperation } from './locked-instructions.js';

const AT = 0xffffffff81000000n;
const operation = (hex: string) => lockedOperation(Buffer.from(hex, 'hex'));

function found(hex: string): [number, string, boolean][] {
  const bytes = Buffer.from(hex, 'hex');
  const code = decodeFunction({ bytes, address: AT });
  return lockedInstructions(code, bytes).map(({ offset, mnemonic, used }) => [offset, mnemonic, used]);
}

t.test('locked operations, their width, and what they write', async (t) => {
  const register = (name: string) => ({ source: { register: name } });
  for (const [hex, text, expected] of [
    ['f00fb10f', 'lock cmpxchg %ecx,(%rdi)', { mnemonic: 'cmpxchg', bytes: 4, ...register('rcx') }],
    ['f00fb00f', 'lock cmpxchg %cl,(%rdi)', { mnemonic: 'cmpxchg', bytes: 1, ...register('rcx') }],
    ['f04c0fb107', 'lock cmpxchg %r8,(%rdi)', { mnemonic: 'cmpxchg', bytes: 8, ...register('r8') }],
    ['8707', 'xchg %eax,(%rdi)', { mnemonic: 'xchg', bytes: 4, ...register('rax') }],
    ['f0480fba2f03', 'lock btsq $3,(%rdi)', { mnemonic: 'bts', bytes: 8, source: { value: 3n } }],
    ['f0480fab07', 'lock bts %rax,(%rdi)', { mnemonic: 'bts', bytes: 8, ...register('rax') }],
    ['f0ff0f', 'lock decl (%rdi)', { mnemonic: 'dec', bytes: 4 }],
    ['f0830701', 'lock addl $1,(%rdi)', { mnemonic: 'add', bytes: 4, source: { value: 1n } }],
    ['f00fb027', 'lock cmpxchg %ah,(%rdi)', { mnemonic: 'cmpxchg', bytes: 1 }],
  ] as const)
    t.strictSame(operation(hex), expected, text);
});

t.test('near misses: not locked, no memory, two words at once, no code', async (t) => {
  t.equal(operation('0fb10f'), undefined, 'cmpxchg %ecx,(%rdi)');
  t.equal(operation('650fb10c2540000000'), undefined, 'cmpxchg %ecx,%gs:0x40: of this CPU alone');
  t.equal(operation('87c8'), undefined, 'xchg %ecx,%eax');
  t.equal(operation('f0480fc70f'), undefined, 'lock cmpxchg16b (%rdi)');
  t.equal(operation('f00fc70f'), undefined, 'lock cmpxchg8b (%rdi)');
  t.equal(operation('f0834424fc00'), undefined, 'lock addl $0,-4(%rsp): a barrier');
  t.equal(operation('f0'), undefined);
  t.equal(operation(''), undefined);
});

t.test('whether the result is used', async (t) => {
  // lock cmpxchg %ecx,(%rdi)
  const take = 'f00fb10f';
  t.strictSame(found(`${take}7500c3`), [[0, 'cmpxchg', true]], 'jne');
  t.strictSame(found(`${take}83f8ff7500c3`), [[0, 'cmpxchg', true]], 'cmp $-1,%eax');
  t.strictSame(found(`${take}c3`), [[0, 'cmpxchg', true]], 'it is the result of the function');
  t.strictSame(found(`${take}31c0c3`), [[0, 'cmpxchg', false]], 'xor %eax,%eax: both are overwritten');
  t.strictSame(found(`${take}b801000000c3`), [[0, 'cmpxchg', false]], 'mov $1,%eax');
  t.strictSame(found(`${take}e800000000c3`), [[0, 'cmpxchg', false]], 'a call changes both');
  t.strictSame(found(`${take}eb00c3`), [[0, 'cmpxchg', true]], 'a jump: not followed');
  t.strictSame(found('870731c0c3'), [[0, 'xchg', false]], 'xchg that is a store with a barrier');
  t.strictSame(found('8707 85c0 c3'.replaceAll(' ', '')), [[0, 'xchg', true]], 'test %eax,%eax');
  t.strictSame(found('f0ff0f7500c3'), [[0, 'dec', true]]);
  t.strictSame(found('f0ff0fc3'), [[0, 'dec', false]], 'a return uses no flag');
});

t.test('all of a function, by offset', async (t) => {
  t.strictSame(found('90f0ff0f90f0ff07c3'), [
    [1, 'dec', false],
    [5, 'inc', false],
  ]);
  t.strictSame(found('90c3'), []);
});
