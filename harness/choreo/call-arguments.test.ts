import t from 'tap';
import { madeRegisters } from '../testing/builders/registers.js';
import { symbolsOf } from '../testing/fakes/witness.js';
import { callArguments } from './call-arguments.js';
import type { ChoreographyContext } from './context.js';
import { Vcpus } from './vcpus.js';

const GS = 0xffff88803ec00000n;
const SYMBOLS = symbolsOf(
  [
    '0000000000000000 D __per_cpu_start',
    '0000000000012340 D runqueues',
    '0000000000030000 D __per_cpu_end',
    'ffffffff81000000 T panic',
    'ffffffff82000000 d console_sem',
    'ffffffff82000100 d end_of_data',
    '',
  ].join('\n'),
);

/** vCPU 0 is in the kernel, vCPU 1 in user mode. */
const VCPUS = new Vcpus(
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part that arguments use
  {
    symbols: SYMBOLS,
    gdb: {
      readRegisters: async (vcpu: number) =>
        madeRegisters({ cs: vcpu === 0 ? 0x10n : 0x33n, rdi: 0xffff888003a41000n, gs_base: GS }),
    },
  } as unknown as ChoreographyContext,
);
VCPUS.hold('crasher', 0);
VCPUS.hold('holder', 1);
const valuesOf = (...args: Parameters<typeof callArguments>[0]['args'][number][]) =>
  callArguments({ args }, VCPUS);

t.test("numbers are 64 bits wide, negative ones in two's complement", async (t) => {
  t.strictSame(await valuesOf(0, 6, -1, '0x4000000000000000', '0xFFFFFFFFFFFFFFFF'), [
    0n,
    6n,
    0xffff_ffff_ffff_ffffn,
    0x4000_0000_0000_0000n,
    0xffff_ffff_ffff_ffffn,
  ]);
});

t.test("addresses of variables, of a CPU's copy, and registers", async (t) => {
  t.strictSame(
    await valuesOf(
      { addressOf: ['console_semaphore', 'console_sem'] },
      { addressOf: 'console_sem', offset: 4 },
      { addressOf: 'runqueues', of: 'crasher' },
      { register: 'rdi', of: 'holder' },
    ),
    [0xffffffff82000000n, 0xffffffff82000004n, GS + 0x12340n, 0xffff888003a41000n],
  );
});

t.test('near misses make the run void, each with its reason', async (t) => {
  await t.rejects(valuesOf({ addressOf: 'console_semm' }), {
    name: 'NotReached',
    what: 'find the variable console_semm',
    saw: /nearest: console_sem/,
  });
  const refused = (saw: string | RegExp, what?: string) => ({
    name: 'NotReached',
    saw,
    ...(what === undefined ? {} : { what }),
  });
  await t.rejects(
    valuesOf({ addressOf: 'panic' }),
    refused(/^this kernel has none/, 'find the variable panic'),
  );
  await t.rejects(valuesOf({ addressOf: 'runqueues' }), refused(/^runqueues is per-CPU/));
  await t.rejects(valuesOf({ addressOf: 'console_sem', of: 'crasher' }), refused('this kernel has none'));
  await t.rejects(valuesOf({ addressOf: 'runqueues', of: 'holder' }), refused(/^it is in user mode/));
});
