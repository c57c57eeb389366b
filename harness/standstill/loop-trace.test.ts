import t from 'tap';
import { madeRegisters } from '../testing/builders/registers.js';
import {
  createLoopTrace,
  isOnStack,
  overlap,
  rangesOf,
  readFromOutside,
  type TracedStep,
} from './loop-trace.js';

const RSP = 0xffff888000009000n;
const LOCK = 0xffffffff82a00000n;
const step = (changes: Partial<TracedStep>): TracedStep => ({
  address: 1n,
  text: '',
  reads: [],
  stores: [],
  ...changes,
});

void t.test('a state is all registers', async (t) => {
  const trace = createLoopTrace(512);
  const registers = madeRegisters({ rip: 1n, rflags: 0x46n });
  t.strictSame(trace.visit(registers), { kind: 'new' });
  trace.step(step({}));
  t.strictSame(trace.visit({ ...registers, gs_base: 1n }), { kind: 'new' }, 'a segment base differs');
  t.strictSame(trace.visit({ ...registers, rflags: 0x47n }), { kind: 'new' }, 'a flag differs');
  t.strictSame(
    trace.visit({ ...registers, rflags: 0x10046n }),
    { kind: 'same-registers', step: 0 },
    'RF is of the debugger',
  );
});

void t.test('the same address with ever new registers is counting', async (t) => {
  const trace = createLoopTrace(512);
  const kinds = Array.from(
    { length: 600 },
    (_, count) => trace.visit(madeRegisters({ rip: 1n, rcx: BigInt(count) })).kind,
  );
  t.equal(kinds[500], 'new');
  t.equal(kinds[599], 'counts');
});

void t.test('memory at an earlier step is what the first store since then overwrote', async (t) => {
  const trace = createLoopTrace(512);
  const store = (before: number[]) =>
    step({ stores: [{ address: LOCK, length: before.length, before: Uint8Array.from(before) }] });
  trace.step(store([1, 2]));
  trace.step(store([3, 4]));
  trace.step(store([5, 6]));
  t.strictSame([...trace.heldBefore(1).values()], [3, 4]);
  t.strictSame([...trace.heldBefore(3)], []);
});

void t.test('what a round reads from outside', async (t) => {
  const lock = { address: LOCK, length: 4 };
  const pushed = { address: RSP - 8n, length: 8 };
  const bytes = new Uint8Array(8);
  t.strictSame(
    readFromOutside([step({ stores: [{ ...pushed, before: bytes }] }), step({ reads: [pushed] })], RSP),
    [],
  );
  t.strictSame(
    readFromOutside([step({ reads: [pushed] }), step({ stores: [{ ...pushed, before: bytes }] })], RSP),
    [pushed],
    'read before it is pushed',
  );
  t.strictSame(
    readFromOutside(
      [step({ reads: [lock], stores: [{ ...lock, before: bytes }] }), step({ reads: [lock] })],
      RSP,
    ),
    [lock],
    'an exchange on a lock reads what another CPU may change, although it stores there too',
  );
});

void t.test('ranges', async (t) => {
  t.strictSame(rangesOf([3n, 1n, 2n, 9n]), [
    { address: 1n, length: 3 },
    { address: 9n, length: 1 },
  ]);
  t.ok(overlap({ address: 1n, length: 4 }, { address: 4n, length: 4 }));
  t.notOk(overlap({ address: 1n, length: 4 }, { address: 5n, length: 4 }));
  t.ok(isOnStack({ address: RSP + 100n, length: 8 }, RSP));
  t.notOk(isOnStack({ address: LOCK, length: 8 }, RSP));
});
