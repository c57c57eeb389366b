import t from 'tap';
import { guestWitness, stoppedWitness } from '../testing/fakes/witness.js';
import { variable } from './variable.js';

/** Symbols and memory of a made kernel; `__per_cpu_*` as Debian's 6.1.0-56 has them. */
const KALLSYMS = [
  '0000000000000000 A __per_cpu_start',
  '000000000001fb80 A current_task',
  '0000000000035000 A __per_cpu_end',
  'ffffffff82000000 D panic_cpu',
  'ffffffff82000004 D flag',
  'ffffffff82000005 d twice',
  'ffffffff82000006 d twice',
  'ffffffff82000008 D pointer',
  'ffffffff82000010 D behind',
  '',
].join('\n');

const kernel = (memory: readonly (readonly [address: bigint, hex: string])[]) => ({
  kallsyms: KALLSYMS,
  memory: new Map(memory.map(([address, hex]) => [address, Buffer.from(hex, 'hex')])),
});

const KERNEL = kernel([
  [0xffffffff82000000n, 'ffffffff'],
  [0xffffffff82000004n, '01'],
  [0xffffffff82000008n, '0000008281ffffff'],
  [0xffffffff8200000cn, '81ffffff'],
]);

const check = (asked: object) => variable.choreography.put(asked, stoppedWitness(KERNEL));

void t.test('the value that is asked for, and near misses', async (t) => {
  t.strictSame(await check({ variable: 'panic_cpu', equals: -1 }), {
    what: 'panic_cpu = -1',
    proved: true,
    saw: '-1 (s32 0xffffffff)',
  });
  t.match(await check({ variable: 'panic_cpu', equals: 0 }), { proved: false, saw: '-1 (s32 0xffffffff)' });
  t.match(await check({ variable: 'panic_cpu', equals: '0xffffffff' }), { proved: true }, 'its bits');
  t.match(await check({ variable: 'panic_cpu', not: -1 }), { what: 'panic_cpu != -1', proved: false });
  t.match(await check({ variable: 'panic_cpu', not: 0 }), { proved: true });
  t.match(await check({ variable: 'panic_cpu', atLeast: 0 }), { proved: false }, 'signed');
  t.match(await check({ variable: 'panic_cpu', type: 'u32', atLeast: 0 }), {
    proved: true,
    saw: /^4294967295/,
  });
  t.match(await check({ variable: 'panic_cpu', atLeast: -2, atMost: -1 }), {
    what: 'panic_cpu >= -2 and <= -1',
    proved: true,
  });
  t.match(
    await check({ variable: 'panic_cpu', atLeast: -2, atMost: -2 }),
    { proved: false },
    'all must hold',
  );
});

void t.test('types, an offset, and a name that other kernels have', async (t) => {
  t.match(await check({ variable: 'flag', type: 'u8', equals: 1 }), { proved: true, saw: '1 (u8 0x1)' });
  t.match(await check({ variable: 'pointer', type: 'u64', equals: '0xffffff8182000000' }), {
    proved: true,
    saw: '18446743530429743104 (u64 0xffffff8182000000)',
  });
  t.match(await check({ variable: 'pointer', offset: 4, equals: -127 }), {
    what: 'pointer+0x4 = -127',
    proved: true,
  });
  t.match(await check({ variable: ['renamed', 'panic_cpu'], equals: -1 }), {
    what: 'renamed or panic_cpu = -1',
    proved: true,
  });
});

void t.test('before firing as in a choreography', async (t) => {
  t.match(await variable.beforeFiring.put({ variable: 'panic_cpu', equals: -1 }, guestWitness([], KERNEL)), {
    proved: true,
  });
  t.strictSame(await variable.beforeFiring.put({ variable: 'panic_cpu', equals: -1 }, guestWitness([])), {
    what: 'panic_cpu = -1',
    proved: false,
    saw: 'the machine has no debugger',
  });
});

void t.test('a variable without a single value is not proved, with the reason', async (t) => {
  t.strictSame(await check({ variable: 'panic_cpus', equals: -1 }), {
    what: 'find the variable panic_cpus',
    proved: false,
    saw: 'this kernel has none (inlined or renamed); nearest: panic_cpu',
  });
  t.match(await check({ variable: 'twice', equals: 0 }), { proved: false, saw: /2 of the name twice/ });
  t.match(await check({ variable: 'current_task', type: 'u64', not: 0 }), {
    proved: false,
    saw: /^current_task is per-CPU/,
  });
  t.match(
    await check({ variable: 'flag', equals: 1 }),
    { proved: false, saw: 'flag is 0x1 long at most: 4 bytes at +0x0 reach beyond it' },
    'the next variable is no part of it',
  );
  t.match(await check({ variable: 'behind', equals: 1 }), {
    proved: false,
    saw: 'its memory cannot be read',
  });
});

void t.test('an impossible value is refused', async (t) => {
  const refused = (asked: object) => {
    const parsed = variable.beforeFiring.schema.safeParse(asked);
    const [issue] = parsed.error?.issues ?? [];
    return issue === undefined ? 'taken' : `${issue.path.join('.')}: ${issue.message}`;
  };
  t.equal(refused({ variable: 'x' }), 'variable: must say one of equals, not, atLeast, atMost');
  t.equal(refused({ variable: 'x', type: 'u8', equals: 256 }), 'equals: is no value of a u8');
  t.equal(
    refused({ variable: 'x', equals: '0x100000000' }),
    'equals: is no value of a s32, which it is without "type"',
  );
  t.equal(refused({ variable: 'x', type: 'u32', not: -1 }), 'not: is no value of a u32');
  t.match(refused({ variable: 'x', type: 'int', equals: 1 }), /^type: /);
  t.match(refused({ variable: 'x', equals: 'y' }), /^equals: /);
  t.match(refused({ variable: 'x y', equals: 1 }), /^variable: /);
  t.equal(refused({ variable: 'x', type: 's8', equals: -128 }), 'taken');
});
