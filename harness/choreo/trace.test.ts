import t from 'tap';
import { readRegisters } from '../hmp/registers.js';
import type { TracedInstruction } from '../model/instruction-trace.js';
import type { HostFact } from '../model/record.js';
import { GdbRemoteError, GdbTimeoutError, type GdbStop } from '../qemu/gdbstub/index.js';
import { parseKallsyms } from '../symbols/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import type { TraceContext } from './context.js';
import { NotReached } from './not-reached.js';
import { traceInstructions } from './trace.js';

const F = 0xffffffff81000000n;
const G = F + 0x100n;
const H = F + 0x200n;
const THUNK = F + 0x300n;
const OWN = F + 0x400n;
const LOW = 0x17000000n;
const STACK = 0xffffc90000001000n;
const FULL = 0xfffffe0000000000n;
const P = F + 0x500n;
const OWN_IDT = 0xffffffff83000000n;

/** One instruction as it is executed: where, how deep the stack is, and the IDT then. */
interface Moment {
  readonly rip: bigint;
  readonly pushed?: number;
  readonly idt?: { readonly base: bigint; readonly limit: number };
  /** It reads this stack slot. */
  readonly reads?: bigint;
}

const NONE = { base: 0n, limit: 0 };

/** Code as bytes, at its addresses. */
const CODE: readonly (readonly [bigint, string])[] = [
  [F, '90'], // nop
  [F + 1n, 'e8fa000000'], // call g
  [F + 6n, 'f3a4'], // rep movsb
  [F + 8n, 'e8f3010000'], // call h
  [F + 13n, 'e8ee020000'], // call thunk: jumps to rax = g
  [F + 18n, 'ffe0'], // jmp *%rax
  [G, '90'],
  [G + 1n, 'c3'],
  [H, '90'],
  [H + 1n, '0f011c24'], // lidt (%rsp)
  [H + 5n, '90'],
  [H + 6n, 'c3'],
  [THUNK, 'e801000000'], // call +1, the retpoline
  [P, 'e800000000'], // call the next instruction
  [P + 5n, '58'], // pop %rax
  [LOW, '0f0118'], // lidt (%rax)
  [OWN, '90'],
];

/** Everything that is executed, in order. */
const RUN: readonly Moment[] = [
  { rip: F },
  { rip: F + 1n },
  { rip: G, pushed: 1 },
  { rip: G + 1n, pushed: 1 },
  { rip: F + 6n },
  { rip: F + 6n },
  { rip: F + 6n },
  { rip: F + 8n },
  { rip: H, pushed: 1, reads: STACK - 8n },
  { rip: H + 1n, pushed: 1 },
  { rip: H + 5n, pushed: 1, idt: NONE },
  { rip: H + 6n, pushed: 1, idt: NONE },
  { rip: F + 13n, idt: NONE },
  { rip: G, pushed: 1, idt: NONE },
  { rip: G + 1n, pushed: 1, idt: NONE },
  { rip: F + 18n, idt: NONE },
  { rip: LOW, idt: NONE },
  { rip: OWN, idt: { base: OWN_IDT, limit: 0x1ff } },
];

const KALLSYMS = [
  [F, 'f'],
  [G, 'g'],
  [H, 'h'],
  [THUNK, '__x86_indirect_thunk_rax'],
  [OWN, 'own'],
  [OWN + 0x100n, 'end'],
]
  .map(([address, name]) => `${address?.toString(16)} T ${String(name)}\n`)
  .join('');

/** A guest that executes RUN, as the gdbstub and the monitor show it. */
function madeContext(
  run: readonly Moment[] = RUN,
  /** With a breakpoint there it makes no progress. */
  { hot }: { hot?: bigint } = {},
): { context: TraceContext; traced: () => TracedInstruction[]; leftBehind: () => number } {
  let now = 0;
  const breakpoints = new Set<bigint>();
  const watched = new Set<bigint>();
  const facts: HostFact[] = [];
  const moment = () => run[now] ?? { rip: 0n };
  const slotOf = ({ pushed = 0 }: Moment) => STACK - 8n * BigInt(pushed);
  const isHot = () => hot !== undefined && breakpoints.has(hot);
  /** Executes one instruction; true when it touched a slot that is watched: a return pops its own. */
  const advance = () => {
    const before = moment();
    now += 1;
    const popped = slotOf(moment()) > slotOf(before) && watched.has(slotOf(before));
    return popped || (before.reads !== undefined && watched.has(before.reads));
  };
  const stop = (): GdbStop => ({
    ...{ seq: now, resume: now, atMs: 0, text: '', signal: 5, vcpu: 0 },
    reason: { kind: now < run.length ? 'trap' : 'shutdown' },
  });
  const parsed = parseKallsyms(KALLSYMS);
  if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
  const context: TraceContext = {
    nowMs: () => performance.now(),
    deadlineScale: 1,
    gdb: {
      readRegisters: async () => {
        const { rip, pushed = 0 } = moment();
        return madeRegisters({ rip, rsp: STACK - 8n * BigInt(pushed), rax: G, cr3: 0x1000n });
      },
      readMemory: async (address, length) => readMade(address, length),
      setBreakpoint: async (address) => {
        breakpoints.add(address);
      },
      removeBreakpoint: async (address) => {
        breakpoints.delete(address);
      },
      step: async () => {
        now += 1;
        return stop();
      },
      setWatchpoint: async (address) => {
        watched.add(address);
      },
      removeWatchpoint: async (address) => {
        watched.delete(address);
      },
      continueVcpus: async () => {
        if (isHot()) return;
        let touched: boolean;
        do touched = advance();
        while (now < run.length && !touched && !breakpoints.has(moment().rip));
      },
      waitForStop: async () => {
        if (isHot()) throw new GdbTimeoutError('wait', 8000, 'running');
        return stop();
      },
      interrupt: async () => undefined,
    },
    symbols: parsed.table,
    vcpuRegisters: async () => {
      const { base, limit } = moment().idt ?? { base: FULL, limit: 0xfff };
      const idt = `IDT=     ${base.toString(16).padStart(16, '0')} ${limit.toString(16).padStart(8, '0')}`;
      return readRegisters(`CPU#0\nCS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\n${idt}\n`);
    },
    fact: (fact) => {
      facts.push(fact);
    },
  };
  return {
    context,
    leftBehind: () => breakpoints.size + watched.size,
    traced: () => facts.flatMap((fact) => (fact.fact === 'traced' ? fact.instructions : [])),
  };
}

function readMade(address: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length, 0xcc);
  for (const [at, hex] of CODE) {
    const code = Buffer.from(hex, 'hex');
    for (const [place, byte] of code.entries()) {
      const offset = at + BigInt(place) - address;
      if (offset >= 0n && offset < BigInt(length)) bytes[Number(offset)] = byte;
    }
  }
  for (const base of [FULL, OWN_IDT]) {
    // Present, and a handler above 2^32.
    if (address === base + 32n) return Buffer.from('50161000008ec081ffffffff00000000', 'hex');
  }
  if (address < LOW) throw new GdbRemoteError('read', 'm', 0x14, 'not mapped');
  return bytes;
}

const BOUNDS = { into: new Set<string>(), from: new Set<bigint>(), most: 100, withinMs: 60_000 };

t.test('calls and repetitions are one step, independent of their length', async (t) => {
  const { context, traced } = madeContext();
  const count = await traceInstructions(0, context, BOUNDS);
  t.strictSame(
    traced().map(({ at, executed }) => [at, executed]),
    [
      [`0x${F.toString(16)}`, 'step'],
      [`0x${(F + 1n).toString(16)}`, 'over'],
      [`0x${(F + 6n).toString(16)}`, 'over'],
      [`0x${(F + 8n).toString(16)}`, 'over'],
      [`0x${(F + 13n).toString(16)}`, 'over'],
      [`0x${(F + 18n).toString(16)}`, 'step'],
      [`0x${LOW.toString(16)}`, 'step'],
      [`0x${OWN.toString(16)}`, 'step'],
    ],
  );
  t.equal(count, 8);
  t.match(traced()[0]?.idt, { base: '0xfffffe0000000000', limit: '0xfff', nmiGate: /^0x/ });
  t.strictSame(traced()[4]?.idt, { base: '0x0', limit: '0x0', nmiGate: 'absent' });
});

t.test('a call that is named by its address is traced into', async (t) => {
  const { context, traced } = madeContext();
  await traceInstructions(0, context, { ...BOUNDS, from: new Set([F + 8n]) });
  t.strictSame(
    traced()
      .slice(3, 9)
      .map(({ at, executed }) => [BigInt(at), executed]),
    [
      [F + 8n, 'step'],
      [H, 'step'],
      [H + 1n, 'step'],
      [H + 5n, 'step'],
      [H + 6n, 'step'],
      [F + 13n, 'over'],
    ],
  );
  t.match(traced()[5], { label: 'h+0x1/0x100', text: 'lidt (%rsp)' });
  t.equal(traced()[5]?.idt, undefined, 'the IDT is the one before until it is executed');
  t.strictSame(traced()[6]?.idt, { base: '0x0', limit: '0x0', nmiGate: 'absent' });
});

t.test('functions that are named are traced through, through a retpoline thunk as well', async (t) => {
  const { context, traced } = madeContext();
  await traceInstructions(0, context, { ...BOUNDS, into: new Set(['g']) });
  const addresses = traced().map(({ at }) => BigInt(at));
  t.equal(addresses.filter((at) => at === G).length, 2);
});

t.test('a guest that dies during the trace, and a trace that is too long, are void', async (t) => {
  const dying = madeContext(RUN.slice(0, 14));
  await t.rejects(traceInstructions(0, dying.context, BOUNDS), {
    message: /trace to the capture kernel.*shutdown/,
  });
  t.equal(dying.traced().length, 4, 'the instructions before are recorded');
  await t.rejects(traceInstructions(0, madeContext().context, { ...BOUNDS, most: 4 }), NotReached);
});

t.test('a handler in the first kernel is not the second one: it must have left its mapping', async (t) => {
  const { context, traced } = madeContext();
  await traceInstructions(0, context, BOUNDS);
  t.equal(
    traced().findIndex(({ idt }) => idt?.nmiGate.startsWith('0x') === true),
    0,
  );
  t.match(
    traced().at(-1),
    { at: `0x${OWN.toString(16)}`, idt: { limit: '0x1ff' } },
    'the end is the own IDT',
  );
  t.notMatch(traced().at(-1)?.label, 'own', "another kernel's code has no name of this one");
});

t.test(
  'the return of a call behind which a breakpoint is too slow is detected by its stack slot',
  async (t) => {
    const { context, traced, leftBehind } = madeContext(RUN, { hot: F + 13n });
    await traceInstructions(0, context, BOUNDS);
    const place = traced().findIndex(({ at }) => at === `0x${(F + 8n).toString(16)}`);
    t.match(
      traced()[place],
      { executed: 'over', noticed: 'watch' },
      'although the callee reads the slot itself',
    );
    t.match(traced()[place + 1], { at: `0x${(F + 13n).toString(16)}`, idt: { limit: '0x0' } });
    t.strictSame(
      traced().filter(({ noticed }) => noticed !== undefined).length,
      1,
      'the others need no such thing',
    );
    t.equal(leftBehind(), 0, 'nothing stays set');
  },
);

t.test('a repetition that never ends in time is void, and nothing stays set', async (t) => {
  const { context, leftBehind } = madeContext(RUN, { hot: F + 8n });
  await t.rejects(traceInstructions(0, context, { ...BOUNDS, withinMs: 1000 }), {
    message: /was not reached in time/,
  });
  t.equal(leftBehind(), 0);
});

t.test('a call of the next instruction is a step, and one that stays where it is none', async (t) => {
  const own = { base: OWN_IDT, limit: 0x1ff };
  const run: Moment[] = [
    { rip: P },
    { rip: P },
    { rip: P + 5n, pushed: 1 },
    { rip: LOW },
    { rip: OWN, idt: own },
  ];
  const { context, traced } = madeContext(run);
  t.equal(await traceInstructions(0, context, BOUNDS), 4);
  t.strictSame(
    traced().map(({ at, executed }) => [BigInt(at), executed]),
    [
      [P, 'step'],
      [P + 5n, 'step'],
      [LOW, 'step'],
      [OWN, 'step'],
    ],
  );
  const stuck = madeContext([{ rip: P }, { rip: P }, { rip: P }, { rip: P }, { rip: P }, { rip: P }]);
  await t.rejects(traceInstructions(0, stuck.context, BOUNDS), { message: /did not advance/ });
});
