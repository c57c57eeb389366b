import t from 'tap';
import { decodeFunction } from './function-code.js';
import { type CallEffect, flowOf, keyOf } from './value-flow.js';

const AT = 0xffffffff81000000n;
const LOCK = 0xffffffff82000010n;
const TAKE = AT + 0x1000n;
const GIVE = AT + 0x2000n;

/** Code at {@link AT} in hexadecimal; `take` and `give` are calls with their 32-bit distances. */
function flow(
  code: string,
  options: { readonly isEntry?: boolean; readonly alsoEntered?: readonly bigint[] } = {},
) {
  let text = '';
  for (const word of code.split(/\s+/)) {
    const target = word === 'take' ? TAKE : word === 'give' ? GIVE : undefined;
    if (target === undefined) {
      text += word;
      continue;
    }
    const distance = Buffer.alloc(4);
    distance.writeInt32LE(Number(target - (AT + BigInt(text.length / 2 + 5))));
    text += `e8${distance.toString('hex')}`;
  }
  const bytes = Buffer.from(text, 'hex');
  return flowOf({
    code: decodeFunction({ bytes, address: AT }),
    bytes,
    callEffect: ({ target }): CallEffect =>
      target === TAKE ? { kind: 'takes' } : target === GIVE ? { kind: 'gives' } : { kind: 'none' },
    ...options,
  });
}

const heldAt = (made: ReturnType<typeof flow>, offset: number) => [
  ...(made.before(AT + BigInt(offset))?.held ?? []),
];
const KEY = keyOf({ origin: '', offset: LOCK });
/** mov $LOCK, %rdi */
const ARGUMENT = '48c7c710000082';

void t.test('a lock is held from its call to that of its release', async (t) => {
  const made = flow(`${ARGUMENT} take 90 ${ARGUMENT} give 90 c3`);
  t.strictSame(
    [7, 12, 13, 20, 25].map((offset) => heldAt(made, offset)),
    [[], [KEY], [KEY], [KEY], []],
  );
  t.strictSame([...(made.afterCall(AT + 12n)?.held ?? [])], [KEY]);
});

void t.test('a lock that only one path takes may be held', async (t) => {
  // test %eax,%eax; je +12 over the call; nop
  const made = flow(`85c0740c ${ARGUMENT} take 90 c3`);
  t.strictSame(heldAt(made, 16), []);
  t.ok(made.before(AT + 16n)?.maybeHeld.has(KEY));
});

void t.test('other code that jumps in knows nothing of the lock', async (t) => {
  const made = flow(`${ARGUMENT} take 90 90 c3`, { alsoEntered: [AT + 13n] });
  t.strictSame(heldAt(made, 12), [KEY]);
  t.strictSame(heldAt(made, 13), []);
});

void t.test('an argument is followed into saved registers and the stack', async (t) => {
  // push %rbx; mov %rdi,%rbx; sub $16,%rsp; mov %rbx,8(%rsp); xor %ebx,%ebx; take; mov 8(%rsp),%rdi; lea 4(%rdi),%rsi
  const made = flow('53 4889fb 4883ec10 48895c2408 31db take 488b7c2408 488d7704 c3');
  const end = made.before(AT + 29n)?.values;
  t.match(end?.get('rdi'), { origin: 'in:rdi', offset: 0n });
  t.match(end?.get('rsi'), { origin: 'in:rdi', offset: 4n });
  t.match(end?.get('rbx'), { origin: '', offset: 0n });
  t.match(end?.get('rsp'), { origin: 'in:rsp', offset: -24n });
  t.match(end?.get('rax')?.origin, /^at:.*:rax$/, 'a call leaves its own values');
});

void t.test('a register that two paths leave different is neither', async (t) => {
  // je +3; mov %rsi,%rdi; then nop
  const made = flow('7403 4889f7 90 c3');
  t.match(made.before(AT + 5n)?.values.get('rdi'), { origin: /^join:/ });
  t.match(made.before(AT + 5n)?.values.get('rsi'), { origin: 'in:rsi' });
});

void t.test('a loop does not end the following, nor keep what its rounds change', async (t) => {
  // 1: add $8,%rdi; jne 1b; ret
  const made = flow('4883c708 75fa c3');
  t.match(made.before(AT + 6n)?.values.get('rdi'), { offset: 8n, origin: /^join:/ });
});

void t.test('a store of zero to the byte of a lock releases it', async (t) => {
  // movb $0, LOCK; nop
  const made = flow(`${ARGUMENT} take c6042510000082 00 90 c3`);
  t.strictSame(heldAt(made, 12), [KEY]);
  t.strictSame(heldAt(made, 20), []);
});

void t.test('nothing is known at the start of a part of a function', async (t) => {
  const made = flow('90 c3', { isEntry: false });
  t.equal(made.before(AT)?.values.size, 0);
});

void t.test('padding leads nowhere', async (t) => {
  // jmp +2; int3; int3; nop: what stands behind the jump is reached from it alone
  const made = flow('eb02 cccc 90 c3');
  t.match(made.before(AT + 4n)?.values.get('rdi'), { origin: 'in:rdi' });
  t.equal(made.before(AT + 2n), undefined);
});
