import t from 'tap';
import { readRegisters } from '../hmp/registers.js';
import type { Registers } from '../machine/debugger.js';
import type { HostFact } from '../model/record.js';
import { GdbTimeoutError } from '../qemu/gdbstub/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import { symbolsOf } from '../testing/fakes/witness.js';
import type { ChoreographyContext } from './context.js';
import { NotReached } from './not-reached.js';
import { recordCalls } from './record-calls.js';

const LOCK_FUNCTION = 0xffffffff81000000n;
const CALLER = 0xffffffff81000100n;
const INLINE = CALLER + 0x40n;
const END = 0xffffffff81000200n;
const IOAPIC_LOCK = 0xffffffff82000000n;
const ALLOCATED = 0xffff888003a41000n;
const ON_STACK = 0xffffc90000001040n;
const GS = [0xffff88803ec00000n, 0xffff88803ed00000n];

const SYMBOLS = symbolsOf(
  [
    '0000000000000000 D __per_cpu_start',
    '0000000000012340 D runqueues',
    '0000000000030000 D __per_cpu_end',
    'ffffffff81000000 T _raw_spin_lock',
    'ffffffff81000100 t clear_IO_APIC',
    'ffffffff81000200 T machine_kexec',
    'ffffffff81000300 T end',
    'ffffffff82000000 b ioapic_lock',
    'ffffffff82000004 b other',
    'ffffffff82001000 R __per_cpu_offset',
    'ffffffff82002000 R end_of_data',
    'ffffc90000000000 D init_stack',
    '',
  ].join('\n'),
);
const TEXT = 'CPU#0\nRIP=ffffffff81000010 RFL=00000046 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\n';

/** A stop of the vCPU; `ret` is on top of its stack. */
interface MadeStop {
  readonly rip: bigint;
  readonly rdi?: bigint;
  readonly rax?: bigint;
  readonly ret?: bigint;
  readonly interrupts?: boolean;
}

/** A vCPU that comes by at these places, of which it stands at the first one already when `standing`. */
function made(
  stops: readonly MadeStop[],
  { code = '90', standing = false, end = END, isInstruction = false } = {},
) {
  const facts: HostFact[] = [];
  const breakpoints = new Set<bigint>();
  const queue = [...stops];
  let now: MadeStop = { rip: CALLER };
  if (standing) now = queue.shift() ?? now;
  let nowMs = 0;
  let most = 0;
  const registers = (): Registers =>
    madeRegisters({
      ...{
        rip: now.rip,
        rdi: now.rdi ?? 0n,
        rax: now.rax ?? 0n,
        rsp: 0xffffc90000001000n,
        gs_base: GS[0] ?? 0n,
      },
      rflags: now.interrupts === true ? 0x246n : 0x46n,
    });
  const gdb = {
    vcpus: [0, 1],
    readRegisters: async () => registers(),
    readMemory: async (address: bigint, length: number) => {
      const bytes = Buffer.alloc(length, 0x90);
      if (address === 0xffffc90000001000n && length >= 8) bytes.writeBigUInt64LE(now.ret ?? CALLER + 5n);
      if (address === 0xffffffff82001000n)
        for (const [cpu, base] of GS.entries()) bytes.writeBigUInt64LE(base, 8 * cpu);
      if (address === INLINE || (isInstruction && address === LOCK_FUNCTION))
        Buffer.from(code, 'hex').copy(bytes);
      return bytes;
    },
    setBreakpoint: async (address: bigint) => {
      breakpoints.add(address);
      most = Math.max(most, breakpoints.size);
    },
    removeBreakpoint: async (address: bigint) => void breakpoints.delete(address),
    continueVcpus: async (vcpus: readonly number[]) => t.strictSame(vcpus, [0], 'the others are held'),
    interrupt: async () => undefined,
    step: async () => {
      t.notOk(breakpoints.has(now.rip), 'a vCPU steps off a place without a breakpoint');
      now = { ...now, rip: now.rip + 1n };
      return { vcpu: 0, reason: { kind: 'trap' } };
    },
    waitForStop: async ({ deadlineMs }: { readonly deadlineMs: number }) => {
      const next = queue.shift();
      if (next === undefined) {
        nowMs += deadlineMs;
        throw new GdbTimeoutError('wait', deadlineMs, 'running');
      }
      now = next;
      return { vcpu: 0, reason: { kind: 'trap' } };
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part that a recording uses
  const context = {
    ...{ gdb, symbols: SYMBOLS, deadlineScale: 1, nowMs: () => nowMs },
    vcpuRegisters: async () => readRegisters(TEXT),
    fact: (fact: HostFact) => void facts.push(fact),
  } as unknown as ChoreographyContext;
  const record = (most = 100) =>
    recordCalls(0, context, {
      places: [
        { address: LOCK_FUNCTION, name: '_raw_spin_lock', ...(isInstruction ? { instruction: true } : {}) },
        { address: INLINE, name: 'clear_IO_APIC+0x40' },
      ],
      to: { address: end, name: 'machine_kexec' },
      most,
      withinMs: 1000,
    });
  return { record, facts, breakpoints, mostBreakpoints: () => most };
}

const ON_LOCK = { rip: LOCK_FUNCTION, rdi: IOAPIC_LOCK };
const AT_END = { rip: END };

t.test('stops that are alike are one call, with their number, in the order of the first', async (t) => {
  const { record, facts, breakpoints, mostBreakpoints } = made([
    ON_LOCK,
    { rip: LOCK_FUNCTION, rdi: ALLOCATED, interrupts: true },
    ON_LOCK,
    { ...ON_LOCK, ret: CALLER + 0x20n },
    { ...ON_LOCK, interrupts: true },
    AT_END,
  ]);
  t.equal(await record(), 5);
  t.match(facts, [{ fact: 'recorded', to: 'machine_kexec', reached: true, stops: 5 }]);
  const [fact] = facts;
  if (fact?.fact !== 'recorded') throw new Error('no recording');
  t.strictSame(
    fact.calls.map(({ data, argument, from, interrupts, first, count }) => [
      data?.symbol ?? argument,
      from.replace(/\/.*/, ''),
      interrupts,
      first,
      count,
    ]),
    [
      ['ioapic_lock', 'clear_IO_APIC+0x5', false, 1, 2],
      [`0x${ALLOCATED.toString(16)}`, 'clear_IO_APIC+0x5', true, 2, 1],
      ['ioapic_lock', 'clear_IO_APIC+0x20', false, 4, 1],
      ['ioapic_lock', 'clear_IO_APIC+0x5', true, 5, 1],
    ],
  );
  t.equal(breakpoints.size, 0, 'no breakpoint is left');
  t.ok(mostBreakpoints() <= 4, 'x86 has four');
});

t.test("a CPU's copy of a per-CPU variable is named with its CPU", async (t) => {
  const rq = GS.map((base) => ({ rip: LOCK_FUNCTION, rdi: base + 0x12348n }));
  const { record, facts } = made([...rq, AT_END]);
  await record();
  const at = { symbol: 'runqueues', offset: 8 };
  t.match(facts, [{ calls: [{ data: { ...at, cpu: 0 } }, { data: { ...at, cpu: 1 } }] }]);
});

t.test('what is on the stack, or behind code alone, has no name', async (t) => {
  const { record, facts } = made([
    { rip: LOCK_FUNCTION, rdi: ON_STACK },
    { rip: LOCK_FUNCTION, rdi: ON_STACK - 0x80n },
    { rip: LOCK_FUNCTION, rdi: END + 0x110n },
    AT_END,
  ]);
  await record();
  const [fact] = facts;
  if (fact?.fact !== 'recorded') throw new Error('no recording');
  t.strictSame(
    fact.calls.map(({ data }) => data?.symbol),
    [undefined, 'init_stack', undefined],
    'below the stack pointer it is the variable that it lies in',
  );
});

t.test('a recording that ends at one of its places would never note it', async (t) => {
  const { record, breakpoints } = made([AT_END], { end: LOCK_FUNCTION });
  await t.rejects(record(), {
    name: 'NotReached',
    what: 'record _raw_spin_lock',
    saw: 'it is where the recording ends',
  });
  t.equal(breakpoints.size, 0);
});

t.test('an instruction is recorded with the address of its operand', async (t) => {
  // lock cmpxchg %ecx,(%rdi)
  const { record, facts } = made([{ rip: INLINE, rdi: IOAPIC_LOCK + 4n }, AT_END], { code: 'f00fb10f' });
  await record();
  t.match(facts, [
    {
      calls: [
        { at: 'clear_IO_APIC+0x40', data: { symbol: 'other', offset: 0 }, from: /^clear_IO_APIC\+0x40\// },
      ],
    },
  ]);
  const pause = made([{ rip: INLINE }, AT_END], { code: 'f390' });
  await t.rejects(pause.record(), { name: 'NotReached', saw: /^"pause" has no operand in memory/ });
});

t.test(
  'a locked instruction is recorded with its word; an entry, and one that is not locked, without',
  async (t) => {
    const at = (rax: bigint) => ({ rip: INLINE, rdi: IOAPIC_LOCK + 4n, rax });
    const same = made([at(0x90909090n), at(0x90909090n), ON_LOCK, AT_END], { code: 'f00fb10f' });
    await same.record();
    const word = {
      instruction: 'cmpxchg',
      bytes: 4,
      was: '0x90909090',
      expects: '0x90909090',
      writes: '0x0',
    };
    t.match(same.facts, [
      {
        calls: [
          { word, count: 2 },
          { at: '_raw_spin_lock', word: undefined },
        ],
      },
    ]);
    t.notOk(JSON.stringify(same.facts).includes('varies'));
    const other = made([at(0x90909090n), at(1n), at(0x90909090n), AT_END], { code: 'f00fb10f' });
    await other.record();
    t.match(
      other.facts,
      [{ calls: [{ word: { ...word, varies: true }, count: 3 }] }],
      "the first one's values",
    );
    const first = made([{ rip: LOCK_FUNCTION, rdi: IOAPIC_LOCK }, AT_END], {
      ...{ code: 'f00fb10f', isInstruction: true },
    });
    await first.record();
    t.match(
      first.facts,
      [{ calls: [{ from: /^_raw_spin_lock\+0x0/, word: { instruction: 'cmpxchg' } }] }],
      'the instruction that a function begins with',
    );
    const plain = made([at(0n), AT_END], { code: '0fb10f' });
    await plain.record();
    t.match(plain.facts, [{ calls: [{ data: { symbol: 'other' }, word: undefined }] }]);
  },
);

t.test('a vCPU that stands at a place, or at the end, already', async (t) => {
  const place = made([ON_LOCK, AT_END], { standing: true });
  t.equal(await place.record(), 1);
  const end = made([AT_END], { standing: true });
  t.equal(await end.record(), 0);
  t.match(end.facts, [{ reached: true, stops: 0, calls: [] }]);
});

t.test('a recording that does not come to its end keeps what it saw, and makes the run void', async (t) => {
  const late = made([ON_LOCK]);
  await t.rejects(late.record(), { name: 'NotReached', what: 'reach machine_kexec within 1000 ms' });
  t.match(late.facts, [{ reached: false, stops: 1, calls: [{ data: { symbol: 'ioapic_lock' } }] }]);
  t.equal(late.breakpoints.size, 0);
  const many = made([ON_LOCK, ON_LOCK, ON_LOCK, AT_END]);
  await t.rejects(many.record(2), { name: 'NotReached', what: 'reach machine_kexec within 2 stops' });
  t.match(many.facts, [{ reached: false, stops: 2 }]);
  const enough = made([ON_LOCK, ON_LOCK, AT_END]);
  t.equal(await enough.record(2), 2, 'as many as are allowed');
  await t.rejects(made([]).record(), NotReached);
  const different = Array.from({ length: 1001 }, (_, index) => ({
    ...ON_LOCK,
    rdi: ALLOCATED + BigInt(index),
  }));
  const endless = made([...different, AT_END]);
  await t.rejects(endless.record(20_000), {
    name: 'NotReached',
    what: 'reach machine_kexec with 1000 different stops',
  });
  t.match(
    endless.facts,
    [{ reached: false, calls: { length: 1000 } }],
    'what a guest makes of it is bounded',
  );
});
