import t from 'tap';
import { symbolsOf } from '../testing/fakes/witness.js';
import { functionFlows } from './function-flows.js';
import { finishReading, pagedMemory, readFromRegions } from './guest-memory.js';
import { lockCalls } from './lock-calls.js';

const AT = 0xffffffff81000000n;
const LOCK = 0xffffffff82000010n;
/** The functions, 0x100 bytes each, in the order of their addresses. */
const NAMES = ['_raw_spin_lock', '_raw_spin_unlock', 'down', 'taker', 'end_of_text'] as const;
const PAGE = 4096;

const SYMBOLS = symbolsOf(
  [
    ...NAMES.map((name, index) => `${(AT + BigInt(index * 0x100)).toString(16)} T ${name}`),
    `${LOCK.toString(16)} d some_lock`,
    'ffffffff82001000 d end_of_data',
    '',
  ].join('\n'),
);

const addressOf = (name: string) => AT + BigInt(NAMES.findIndex((one) => one === name) * 0x100);

/** Code of a function; `call:NAME` and `jmp:NAME` are those instructions. */
function assemble(inside: string, code: string): Buffer {
  let text = '';
  for (const word of code.split(/\s+/)) {
    const [, opcode, target] = /^(call|jmp):(\w+)$/.exec(word) ?? [];
    if (target === undefined) {
      text += word;
      continue;
    }
    const next = addressOf(inside) + BigInt(text.length / 2 + 5);
    const distance = Buffer.alloc(4);
    distance.writeInt32LE(Number(addressOf(target) - next));
    text += `${opcode === 'call' ? 'e8' : 'e9'}${distance.toString('hex')}`;
  }
  return Buffer.from(text, 'hex');
}

/** mov %rdi, %rbx; mov %rbx, %rdi: a lock that is passed on. */
const PASSES_ON = '53 4889fb 4889df call:_raw_spin_lock 90 5b c3';
/** mov $LOCK, %rdi */
const NAMES_IT = '48c7c710000082';

function callsIn(taker: string, { down = PASSES_ON, lock = LOCK } = {}) {
  const bytes = Buffer.alloc(PAGE, 0xcc);
  const put = (name: string, code: string) => assemble(name, code).copy(bytes, Number(addressOf(name) - AT));
  put('_raw_spin_lock', 'c3');
  put('_raw_spin_unlock', 'c3');
  put('down', down);
  put('taker', taker);
  const text = { address: AT, bytes };
  const flows = functionFlows(SYMBOLS, { memory: pagedMemory(), effectOf: () => 'none' });
  const wanted = { variable: LOCK, address: lock, functions: new Set([addressOf('_raw_spin_lock')]) };
  const calls = finishReading(lockCalls(wanted, { text, symbols: SYMBOLS, flows }), readFromRegions([text]));
  return calls.map(({ in: inside, offset, callee, taken }) => ({
    at: `${inside.name}+${offset}`,
    callee: callee.name,
    taken: `${taken.in.name}+${taken.offset}`,
  }));
}

t.test('a call with the address in RDI, also by way of another register', async (t) => {
  const direct = [{ at: 'taker+7', callee: '_raw_spin_lock', taken: 'taker+12' }];
  t.strictSame(callsIn(`${NAMES_IT} call:_raw_spin_lock 90 c3`), direct);
  // mov $LOCK, %rbx; mov %rbx, %rdi
  t.strictSame(callsIn('48c7c310000082 4889df call:_raw_spin_lock 90 c3'), [
    { at: 'taker+10', callee: '_raw_spin_lock', taken: 'taker+15' },
  ]);
});

t.test('a call and a jump of a function that passes its argument on', async (t) => {
  t.strictSame(callsIn(`${NAMES_IT} call:down 90 c3`), [{ at: 'taker+7', callee: 'down', taken: 'down+12' }]);
  t.strictSame(callsIn(`${NAMES_IT} jmp:down`), [{ at: 'taker+7', callee: 'down', taken: 'down+12' }]);
});

t.test('a lock inside the variable that is passed on', async (t) => {
  // lea 0x8(%rdi), %rdi
  const down = '488d7f08 call:_raw_spin_lock 90 c3';
  t.strictSame(callsIn(`${NAMES_IT} call:down 90 c3`, { down, lock: LOCK + 8n }), [
    { at: 'taker+7', callee: 'down', taken: 'down+9' },
  ]);
  t.strictSame(callsIn(`${NAMES_IT} call:down 90 c3`, { down }), [], 'the variable itself is not taken');
});

t.test('near misses take nothing', async (t) => {
  t.strictSame(callsIn(`${NAMES_IT} call:_raw_spin_unlock 90 c3`), [], 'another function');
  // mov $LOCK, %rsi
  t.strictSame(callsIn('48c7c610000082 call:_raw_spin_lock 90 c3'), [], 'another register');
  // mov %rax, %rdi behind it
  t.strictSame(callsIn(`${NAMES_IT} 4889c7 call:_raw_spin_lock 90 c3`), [], 'it was replaced');
  t.strictSame(
    callsIn(`${NAMES_IT} call:down 90 c3`, { down: '4889f7 call:_raw_spin_lock 90 c3' }),
    [],
    'its second argument is passed on',
  );
  t.strictSame(
    callsIn(`${NAMES_IT} call:_raw_spin_unlock call:_raw_spin_lock 90 c3`),
    [],
    'RDI is lost in a call',
  );
  t.strictSame(
    callsIn(`${NAMES_IT} jmp:_raw_spin_lock`),
    [],
    'a jump to the lock function returns elsewhere: there is no place behind it',
  );
});
