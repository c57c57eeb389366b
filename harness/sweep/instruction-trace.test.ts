import t from 'tap';
import type { Armed } from '../model/event.js';
import type { TracedInstruction } from '../model/instruction-trace.js';
import { IDT } from '../testing/builders/instruction-trace.js';
import { callsThatChangeTheIdt, hasNmiGate, isCompleteTrace, tracePoints } from './instruction-trace.js';

const ARMED: Armed = {
  status: 0,
  loaded: true,
  crashSize: 0xc000000n,
  ranges: [{ first: 0x17000000n, last: 0x22ffffffn }],
  segments: [
    { first: 0x1f000000n, last: 0x1fffffffn },
    { first: 0x22ffa000n, last: 0x22ffefffn },
  ],
  purgatory: { first: 0x22ffa000n, last: 0x22ffefffn },
  errors: [],
};

function step(at: string, label: string, more: Partial<TracedInstruction> = {}): TracedInstruction {
  return { at, label, text: 'nop', executed: 'step', ...more };
}

/** The order of a real trace (6.1), much shortened. */
const TRACED: readonly TracedInstruction[] = [
  step('0xffffffff81a01cb0', 'panic+0x0/0x2f4', { idt: IDT.full, cr3: '0x4870000' }),
  step('0xffffffff8106b2b0', 'machine_kexec+0x1b3/0x200', { text: 'lidt (%rsp)' }),
  step('0xffffffff8106b2b4', 'machine_kexec+0x1b7/0x200', { idt: IDT.none }),
  step('0xffffffff8107a000', 'relocate_kernel+0x0/0x68', { cr3: '0x17003000' }),
  step('0x17001068', 'identity_mapped+0x0/0x1a8 (copy)'),
  step('0x22ffb000', '0x22ffb000', { executed: 'over' }),
  step('0x1f000200', '0x1f000200'),
  step('0x1f000280', '0x1f000280', { executed: 'over', copies: { from: '0x1f6ffff8', to: '0x1ffefff8' } }),
  step('0x9d000', '0x9d000'),
  step('0x1ffe0100', '0x1ffe0100', { executed: 'over', noticed: 'watch' }),
  step('0x1f000000', 'startup_64+0x0/0x40 (identity-mapped)'),
  step('0xffffffff81000100', 'secondary_startup_64+0x0/0x100'),
  step('0xffffffff83001000', 'x86_64_start_kernel+0x0/0x80', { idt: IDT.full }),
];

void t.test('places follow each other by where the code is', async (t) => {
  const trace = tracePoints(TRACED, ARMED);
  t.strictSame(
    trace.map(({ place }) => place),
    [
      ...Array<string>(4).fill('first-kernel'),
      'jump',
      'purgatory',
      ...Array<string>(3).fill('capture-start'),
      'capture-start-moved',
      ...Array<string>(3).fill('capture-kernel'),
    ],
  );
  t.strictSame(
    trace.map(({ name }) => name),
    [
      'panic+0x0',
      'machine_kexec+0x1b3',
      'machine_kexec+0x1b7',
      'relocate_kernel+0x0',
      'identity_mapped+0x0 (copy)',
      'purgatory+0x1000',
      'decompressor+0x200',
      'decompressor+0x280',
      '0x9d000',
      'moved decompressor+0x6f0100',
      'startup_64+0x0 (identity-mapped)',
      'secondary_startup_64+0x0',
      'x86_64_start_kernel+0x0',
    ],
  );
});

void t.test(
  'an IDT holds until the next one is loaded; a step over a call is not one instruction',
  async (t) => {
    const trace = tracePoints(TRACED, ARMED);
    t.strictSame(trace.map(hasNmiGate), [true, true, ...Array<boolean>(10).fill(false), true]);
    t.equal(trace[5]?.nextIsNext, false);
    t.equal(trace[6]?.nextIsNext, true);
  },
);

void t.test('what is long is long beside the other calls, however slow the link is', async (t) => {
  const trace = (overheadMs: number) =>
    tracePoints(
      Array.from({ length: 20 }, (_, index) =>
        step(`0xffffffff81a01c${(0x10 + index).toString(16)}`, 'panic+0x0/0x2f4', {
          executed: 'over',
          tookMs: overheadMs * (index % 2 === 0 ? 0.6 : 1.4) + (index === 7 ? 2000 : index === 9 ? 200 : 0),
        }),
      ),
      ARMED,
    ).flatMap(({ index, over }) => (over === 'long' ? [index] : []));
  t.strictSame(trace(0), [7]);
  t.strictSame(trace(8), [7], 'a near host');
  t.strictSame(trace(1200), [7], 'a link on which every call takes a second');
});

void t.test('a copy of something else moves nothing; without segments there are no names', async (t) => {
  const other = TRACED.map((one) =>
    one.copies === undefined ? one : { ...one, copies: { from: '0x1f6ffff8', to: '0x1f100000' } },
  );
  t.equal(tracePoints(other, ARMED)[9]?.place, 'capture-start', 'backwards in memory');
  const blind = tracePoints(TRACED, undefined);
  t.equal(blind[5]?.place, 'jump');
  t.equal(blind[5]?.name, '0x22ffb000');
  t.strictSame(tracePoints([], ARMED), []);
});

void t.test('without segments (kexec_file_load) the trace still tells the kernels apart', async (t) => {
  const places = tracePoints(TRACED, { ...ARMED, segments: [], purgatory: undefined }).map(
    ({ place }) => place,
  );
  t.strictSame([...new Set(places)], ['first-kernel', 'after-jump', 'capture-kernel']);
  t.ok([...new Set(tracePoints(TRACED, ARMED).map(({ place }) => place))].includes('purgatory'));
});

void t.test('a call that was stepped over and changed the IDT is to be traced into', async (t) => {
  const call = { text: 'call 0x2000', executed: 'over' } as const;
  const full = { ...IDT.full, base: '0x5000' };
  const traced = [
    step('0x1000', '0x1000', { ...call, idt: IDT.full }),
    step('0x1005', '0x1005', { ...call, idt: full }),
    step('0x100a', '0x100a', { text: 'call 0x3000' }),
    step('0x3000', '0x3000', { text: 'lidt (%rsp)', idt: IDT.full }),
    step('0x3004', '0x3004', { text: 'rep stosb', executed: 'over', idt: IDT.none }),
    step('0x3006', '0x3006', { ...call, idt: IDT.full }),
    step('0x1000', '0x1000', call),
    step('0x1005', '0x1005', { idt: IDT.none }),
    step('0x1007', '0x1007', call),
  ];
  t.strictSame(
    callsThatChangeTheIdt(tracePoints(traced, ARMED)),
    ['0x1000'],
    'once; not one that was followed, not a repetition, not the last of all',
  );
});

void t.test("a trace is complete when it ends with the capture kernel's own gate for the NMI", async (t) => {
  t.equal(isCompleteTrace(tracePoints(TRACED, ARMED)), true);
  t.equal(isCompleteTrace(tracePoints(TRACED.slice(0, -1), ARMED)), false, 'a trace that was cut off before');
  t.equal(
    isCompleteTrace(tracePoints(TRACED.slice(0, 2), ARMED)),
    false,
    "the crashed kernel's gate does not count",
  );
  t.equal(isCompleteTrace([]), false);
});
