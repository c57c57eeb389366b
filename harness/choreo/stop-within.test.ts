import t from 'tap';
import { GdbTimeoutError } from '../qemu/gdbstub/index.js';
import { parseKallsyms } from '../symbols/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import type { TraceContext } from './context.js';
import { NotReached } from './not-reached.js';
import { stepOn, stepWithin, stopWithin } from './stop-within.js';

const STOP = { vcpu: 0, reason: { kind: 'trap' } } as const;

/** A debugger whose stop comes after `stopsAfterMs` of the guest's own time, of which a busy host gives a part. */
function made({ stopsAfterMs, share = 1 }: { stopsAfterMs: number; share?: number }) {
  let ownMs = 0;
  const waits: number[] = [];
  let interrupted = 0;
  const wait = async ({ deadlineMs }: { readonly deadlineMs: number }) => {
    waits.push(deadlineMs);
    ownMs += deadlineMs * share;
    if (ownMs < stopsAfterMs) throw new GdbTimeoutError('wait', deadlineMs, 'running');
    return STOP;
  };
  const parsed = parseKallsyms('ffffffff81000000 T f\nffffffff81000100 T g\n');
  if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
  const gdb = {
    waitForStop: wait,
    step: (_: number, options: { readonly deadlineMs: number }) => wait(options),
    readRegisters: async () => madeRegisters({ rip: 0xfff0n, cs: 0xf000n }),
    interrupt: async () => void (interrupted += 1),
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part that waits for stops
  const context = {
    gdb,
    symbols: parsed.table,
    nowMs: () => ownMs,
    deadlineScale: 2,
  } as unknown as TraceContext;
  return { context, waits, interrupts: () => interrupted };
}

t.test('a busy host does not shorten the wait for a stop', async (t) => {
  const busy = made({ stopsAfterMs: 900, share: 0.25 });
  t.strictSame(await stopWithin(busy.context, 1_000), STOP);
  t.ok(busy.waits.reduce((sum, ms) => sum + ms, 0) >= 3_600, 'of the host');
  const late = made({ stopsAfterMs: 5_000, share: 0.25 });
  t.equal(await stopWithin(late.context, 1_000), undefined);
});

t.test('a step that never ends makes the run void, with the machine stopped', async (t) => {
  const waiting = made({ stopsAfterMs: Number.POSITIVE_INFINITY });
  const stepping = stepWithin(0, waiting.context, 'step 3 instructions');
  await t.rejects(stepping, {
    name: 'NotReached',
    what: 'step 3 instructions',
    saw: /did not end within 10000 ms; cpu0/,
  });
  await t.rejects(stepping, NotReached);
  t.equal(waiting.interrupts(), 1);
});

t.test('a step that a busy host delays', async (t) => {
  const busy = made({ stopsAfterMs: 9_000, share: 0.5 });
  t.strictSame(await stepWithin(0, busy.context, 'step'), STOP);
  t.equal(busy.interrupts(), 0);
});

t.test('a step that did not move is taken again', async (t) => {
  const rips = [0x10n, 0x10n, 0x10n, 0x13n];
  let steps = 0;
  const moving = made({ stopsAfterMs: 0 });
  const gdb = {
    ...moving.context.gdb,
    readRegisters: async () => madeRegisters({ rip: rips[steps] ?? 0x13n }),
    step: async () => {
      steps += 1;
      return STOP;
    },
  };
  t.strictSame(await stepOn(0, { ...moving.context, gdb }, 'step'), STOP);
  t.equal(steps, 3);
  steps = 4;
  await stepOn(0, { ...moving.context, gdb }, 'step');
  t.equal(steps, 8, 'a jump to itself is executed');
});
