import t from 'tap';
import type { HostFact } from '../../model/record.js';
import { ChoreographySchema, type StepOf } from '../../trigger/choreography-steps.js';
import { madeRegisters } from '../../testing/builders/registers.js';
import { symbolsOf } from '../../testing/fakes/witness.js';
import type { ChoreographyContext } from '../context.js';
import type { Vcpus } from '../vcpus.js';
import { set } from './set.js';

const PANIC_CPU = 0xffffffff82000000n;
const GS = 0xffff88803ec00000n;
const SYMBOLS = symbolsOf(
  [
    '0000000000000000 D __per_cpu_start',
    '0000000000012340 D backtrace_flag',
    '0000000000030000 D __per_cpu_end',
    'ffffffff81000000 T panic',
    'ffffffff82000000 d panic_cpu',
    'ffffffff82000010 d end_of_data',
    '',
  ].join('\n'),
);

/** Memory of one word, and the vCPUs' code segments. */
function made({ word = 0xffffffffn, cs = [0x10n, 0x10n], keeps = true } = {}) {
  const facts: HostFact[] = [];
  const writes: { address: bigint; bytes: string; vcpu: number }[] = [];
  const memory = Buffer.alloc(16, 0xaa);
  memory.writeUInt32LE(Number(word));
  const gdb = {
    vcpus: [0, 1],
    readRegisters: async (vcpu: number) => madeRegisters({ cs: cs[vcpu] ?? 0n, gs_base: GS }),
    readMemory: async (_: bigint, length: number) => Buffer.from(memory.subarray(0, length)),
    writeMemory: async (address: bigint, bytes: Uint8Array, { vcpu }: { vcpu: number }) => {
      writes.push({ address, bytes: Buffer.from(bytes).toString('hex'), vcpu });
      if (keeps) memory.set(bytes);
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part that the step uses
  const vcpus = {
    of: () => 1,
    context: { gdb, symbols: SYMBOLS, fact: (fact: HostFact) => void facts.push(fact) },
  } as unknown as Vcpus & { context: ChoreographyContext };
  return { facts, writes, memory, set: (step: StepOf<'set'>) => set(step, vcpus) };
}

const STEP = { variable: 'panic_cpu', bytes: 4, to: 1, was: -1 } as const;

t.test('a variable is written after its value was read, and read back', async (t) => {
  const guest = made();
  t.match(await guest.set(STEP), /^panic_cpu \(4 bytes at 0xffffffff82000000\) was 0xffffffff, is 0x1$/);
  t.strictSame(guest.writes, [{ address: PANIC_CPU, bytes: '01000000', vcpu: 0 }]);
  t.equal(guest.memory[4], 0xaa, 'what follows is left');
  t.strictSame(guest.facts, [
    {
      ...{ fact: 'set', variable: 'panic_cpu', address: '0xffffffff82000000', bytes: 4 },
      ...{ was: '0xffffffff', to: '0x1' },
    },
  ]);
});

t.test("a member, a CPU's copy, and through a vCPU in kernel mode", async (t) => {
  const member = made();
  await member.set({ ...STEP, offset: 8 });
  t.match(member.writes, [{ address: PANIC_CPU + 8n }]);
  const copy = made({ word: 0n });
  t.match(
    await copy.set({ variable: 'backtrace_flag', of: 'other', bytes: 1, to: '0x80', was: 0 }),
    /^backtrace_flag of other/,
  );
  t.match(copy.writes, [{ address: GS + 0x12340n, bytes: '80' }]);
  const user = made({ cs: [0x33n, 0x10n] });
  await user.set(STEP);
  t.match(user.writes, [{ vcpu: 1 }]);
});

t.test('near misses are void, and nothing is written', async (t) => {
  const taken = made({ word: 0n });
  await t.rejects(taken.set(STEP), {
    name: 'NotReached',
    what: 'find 0xffffffff in panic_cpu (4 bytes)',
    saw: 'it has 0x0',
  });
  t.strictSame([taken.writes, taken.facts], [[], []]);
  await t.rejects(made().set({ ...STEP, variable: 'panic_cpus' }), {
    name: 'NotReached',
    saw: /nearest: panic_cpu/,
  });
  await t.rejects(made().set({ ...STEP, variable: 'panic' }), {
    name: 'NotReached',
    what: 'find the variable panic',
  });
  await t.rejects(made().set({ ...STEP, variable: 'backtrace_flag' }), {
    name: 'NotReached',
    saw: /is per-CPU/,
  });
  await t.rejects(made({ cs: [0x33n, 0x33n] }).set(STEP), {
    name: 'NotReached',
    saw: /^no vCPU is in kernel mode/,
  });
  const readOnly = made({ keeps: false });
  await t.rejects(readOnly.set(STEP), {
    name: 'NotReached',
    what: 'set panic_cpu to 0x1',
    saw: 'it has 0xffffffff afterwards',
  });
  t.strictSame(readOnly.facts, [], 'no fact says that it was set');
});

t.test('values must fit, and differ', async (t) => {
  const refusal = (step: object) => ChoreographySchema.safeParse([{ set: step }]).error?.message;
  t.equal(refusal(STEP), undefined);
  t.equal(refusal({ ...STEP, bytes: 8, to: '0xffffffffffffffff', was: 0 }), undefined);
  t.equal(refusal({ ...STEP, bytes: 1, to: 255, was: -128 }), undefined);
  t.match(refusal({ ...STEP, bytes: 1, to: 256, was: 0 }), /256 does not fit into 1 bytes/);
  t.match(refusal({ ...STEP, bytes: 1, to: 0, was: -129 }), /-129 does not fit/);
  t.match(refusal({ ...STEP, bytes: 3 }), /bytes/);
  t.match(refusal({ ...STEP, to: '0xffffffff' }), /is what \\"was\\" says already/);
  t.ok(refusal({ variable: 'panic_cpu', bytes: 4, to: 1 }), 'without "was"');
});
