import t from 'tap';
import { ChoreographySchema } from '../trigger/choreography-steps.js';
import { readRegisters } from '../hmp/registers.js';
import type { HostFact } from '../model/record.js';
import { GdbRemoteError, GdbTimeoutError, type GdbStop, type Registers } from '../qemu/gdbstub/index.js';
import { parseKallsyms } from '../symbols/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import type { ChoreographyContext } from './context.js';
import { NotReached } from './not-reached.js';
import { runChoreography } from './run-choreography.js';

const FUNCTION = 0xffffffff81000000n;
const DELAY = FUNCTION + 0x100n;
const LOCK = FUNCTION + 0x2000n;
const USER_CODE = 0x401000n;
const KERNEL_CS = 0x10n;
const USER_CS = 0x33n;

/** Two vCPUs in HMP `info registers -a` (QEMU 7.2), as far as they are read. */
const TEXT = [0, 1]
  .map((vcpu) => `CPU#${vcpu}\nRIP=ffffffff81000000 RFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\n`)
  .join('');

interface Made {
  /** vCPUs in user mode, on page tables that do not have the kernel (page-table isolation). */
  readonly userMode?: readonly number[];
  /** How many breakpoints vCPU 1 hits; afterwards there are no stops. */
  readonly hits?: number;
  readonly deadlineScale?: number;
}

/** Two vCPUs in a function of nops, as a gdbstub shows them. */
function madeContext({ userMode = [], hits = 1, deadlineScale = 1 }: Made = {}) {
  const facts: HostFact[] = [];
  const waits: number[] = [];
  let left = hits;
  let nowMs = 0;
  const breakpoints = new Set<bigint>();
  const rips = new Map<number, bigint>();
  const registersOf = (vcpu: number): Registers => {
    const user = userMode.includes(vcpu);
    const rip = rips.get(vcpu) ?? (user ? USER_CODE : FUNCTION);
    return madeRegisters({ cs: user ? USER_CS : KERNEL_CS, rip, rsp: 0xffffc90000001000n });
  };
  const stop: GdbStop = {
    ...{ seq: 0, resume: 0, atMs: 0, text: '', signal: 5, vcpu: 1 },
    reason: { kind: 'trap' },
  };
  const parsed = parseKallsyms(
    `${FUNCTION.toString(16)} T f\n${DELAY.toString(16)} T __delay\n${(DELAY + 0x100n).toString(16)} T end\n${LOCK.toString(16)} D ioapic_lock\n`,
  );
  if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
  const context: ChoreographyContext = {
    gdb: {
      vcpus: [0, 1],
      readRegisters: async (vcpu) => registersOf(vcpu),
      readMemory: async (_address, length, { vcpu }) => {
        if (userMode.includes(vcpu)) throw new GdbRemoteError('read', 'm', 0x14, 'not mapped');
        return Buffer.alloc(length, 0x90);
      },
      readPhysicalMemory: async () => {
        throw new GdbRemoteError('read', 'm', 0x14, 'not mapped');
      },
      writeRegister: async () => undefined,
      writeMemory: async () => undefined,
      setBreakpoint: async (address) => {
        breakpoints.add(address);
      },
      removeBreakpoint: async (address) => {
        breakpoints.delete(address);
      },
      setWatchpoint: async () => undefined,
      removeWatchpoint: async () => undefined,
      continueVcpus: async () => undefined,
      continueAll: async () => undefined,
      step: async () => stop,
      waitForStop: async ({ deadlineMs }) => {
        waits.push(deadlineMs);
        const [address] = breakpoints;
        left -= 1;
        if (left < 0 || address === undefined) {
          nowMs += deadlineMs;
          throw new GdbTimeoutError('wait', deadlineMs, 'running');
        }
        rips.set(1, address);
        return stop;
      },
      interrupt: async () => undefined,
    },
    symbols: parsed.table,
    trial: 1,
    deadlineScale,
    nowMs: () => nowMs,
    runName: 'made',
    vcpuRegisters: async () => readRegisters(TEXT),
    interrupt: async () => 0,
    irqchips: async () => {
      throw new Error('no interrupt controllers here');
    },
    lapic: async () => undefined,
    pinOf: () => undefined,
    sourcesWithinMs: 0,
    firing: async () => undefined,
    fact: (fact) => {
      facts.push(fact);
    },
  };
  return { context, facts, waits };
}

t.test("the deadline of a call is scaled like any other step's", async (t) => {
  const { context, waits } = madeContext({ deadlineScale: 20 });
  const steps = ChoreographySchema.parse([
    { hold: { as: 'crasher', at: 'f', withinMs: 100 } },
    { call: { role: 'crasher', function: '__delay', args: [1], withinMs: 150 } },
  ]);
  await t.rejects(runChoreography(steps, context), {
    name: 'NotReached',
    what: 'reach the return of __delay within 3000 ms',
  });
  t.ok((waits[1] ?? 0) > 2000, `the debugger waited for up to ${waits[1]} ms`);
});

t.test('code is read through a vCPU whose page tables have the kernel', async (t) => {
  const { context, facts } = madeContext({ userMode: [0] });
  const steps = ChoreographySchema.parse([{ hold: { as: 'holder', at: { in: 'f', offset: 4 } } }]);
  await runChoreography(steps, context);
  t.match(facts, [{ fact: 'step', index: 1, verb: 'hold', saw: /^cpu1 f\+0x4/ }]);
});

t.test('code that no vCPU has in its page tables makes the run void, not the harness faulty', async (t) => {
  const { context, facts } = madeContext({ userMode: [0, 1] });
  const steps = ChoreographySchema.parse([{ hold: { as: 'holder', at: { in: 'f', offset: 4 } } }]);
  await t.rejects(runChoreography(steps, context), NotReached);
  t.match(facts, [
    { fact: 'step', index: 1, verb: 'hold' },
    { fact: 'proof', what: 'step 1: read the code of f', proved: false, saw: /cpu0 user space.*cpu1 user/ },
  ]);
});

t.test('a lock is read the same way, and is not established when it cannot be read', async (t) => {
  const steps = ChoreographySchema.parse([{ prove: { lock: 'ioapic_lock', held: true } }]);
  const { context, facts } = madeContext({ userMode: [0] });
  await runChoreography(steps, context);
  t.match(facts[0], {
    fact: 'proof',
    what: 'ioapic_lock is held',
    proved: true,
    saw: 'lock word 0x90909090',
  });
  const unreadable = madeContext({ userMode: [0, 1] });
  await t.rejects(runChoreography(steps, unreadable.context), NotReached);
  t.match(unreadable.facts[1], { fact: 'proof', what: 'step 1: ioapic_lock is held', proved: false });
});
