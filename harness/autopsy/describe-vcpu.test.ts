import t from 'tap';
import type { LockWait } from '../model/autopsy.js';
import type { LoopFinding } from '../standstill/judge.js';
import { parseKallsyms } from '../symbols/index.js';
import { describeVcpu, type Suspect } from './describe-vcpu.js';

const TEXT = 0xffffffff81000000n;
const LOCK = 0xffffffff82a00010n;

const parsed = parseKallsyms(
  [
    `${TEXT.toString(16)} T native_queued_spin_lock_slowpath`,
    `${(TEXT + 0x100n).toString(16)} T end`,
    `${LOCK.toString(16)} d ioapic_lock`,
    `${(LOCK + 4n).toString(16)} d other`,
    '',
  ].join('\n'),
);
const symbols = parsed.kind === 'symbols' ? parsed.table : undefined;

const loop: LoopFinding = {
  kind: 'recurs',
  steps: 3,
  loop: [
    { address: TEXT + 2n, text: 'mov (%rdi),%eax', reads: [{ address: LOCK, length: 4 }], stores: [] },
    { address: TEXT + 4n, text: 'jmp 0xffffffff81000002', reads: [], stores: [] },
  ],
  reads: [{ address: LOCK, length: 4, physical: 0x2a00010n }],
  stores: [],
  stack: 0n,
};

function suspect(vcpu: number, changes: Partial<Suspect>): Suspect {
  const rip = (TEXT + 2n).toString(16);
  return {
    vcpu,
    state: 'running',
    interruptsOn: false,
    place: 'first-kernel',
    crashing: false,
    seen: { index: vcpu, rip, interruptsOn: false, halted: false, place: 'first-kernel' },
    registers: {
      index: vcpu,
      execution: undefined,
      cr0: undefined,
      cr3: undefined,
      cr4: undefined,
      efer: undefined,
      idt: undefined,
      codeIs64Bit: true,
    },
    symbols,
    stack: [],
    ...changes,
  };
}

const gdb = { readMemory: async () => Buffer.from('01000000', 'hex') };
const wait: LockWait = {
  vcpu: 0,
  lock: { name: 'ioapic_lock', address: LOCK.toString(16), word: '00000001' },
  takenIn: 'clear_IO_APIC_pin',
  holder: { vcpu: 1, proof: 'mask_ioapic_irq+0x17/0x42 lies between', certain: true },
};
const waiter = (stack: string[]) => suspect(0, { loop, stack });
const LOCKING = ['native_queued_spin_lock_slowpath', '_raw_spin_lock_irqsave', 'clear_IO_APIC_pin', 'panic'];

void t.test('a wait for a lock names the lock, and who was stopped with it', async (t) => {
  const stack = ['crash_nmi_callback', 'exc_nmi', 'end_repeat_nmi', 'mask_ioapic_irq', 'handle_edge_irq'];
  const holder = suspect(1, { state: 'parked', stack });
  const one = waiter(LOCKING);
  const { saw, where } = await describeVcpu(one, { all: [one, holder], gdb, wait });
  t.equal(where, 'native_queued_spin_lock_slowpath+0x2/0x100');
  for (const line of [
    'native_queued_spin_lock_slowpath+0x2/0x100: mov (%rdi),%eax',
    'reads 4 bytes at 0xffffffff82a00010 (ioapic_lock+0x0/0x4), physical 0x2a00010: 0x00000001',
    'it waits for the lock ioapic_lock, which clear_IO_APIC_pin takes',
    'vCPU 1 holds it: mask_ioapic_irq+0x17/0x42 lies between',
    'vCPU 1, stopped in mask_ioapic_irq < handle_edge_irq, is parked and cannot release a lock',
  ]) {
    t.ok(saw.includes(line), line);
  }
});

void t.test('an owner that runs, in a loop of its own', async (t) => {
  const one = waiter(LOCKING);
  const stack = [
    'spin',
    'take_lock',
    'generic_smp_call_function_single_interrupt',
    'asm_sysvec_call_function',
  ];
  const owner = suspect(1, { loop: { ...loop, reads: [] }, stack });
  const line =
    'vCPU 1, in a loop of its own in spin < take_lock < generic_smp_call_function_single_interrupt, cannot release a lock';
  t.ok((await describeVcpu(one, { all: [one, owner], gdb })).saw.includes(line));
  const delayed = suspect(1, { loop: { kind: 'waits', why: 'it reads the time', steps: 1 }, stack });
  const { saw } = await describeVcpu(one, { all: [one, delayed], gdb });
  t.notOk(
    saw.some((text) => text.startsWith('vCPU 1')),
    'one that may go on may release it',
  );
});

void t.test('its own interrupted context', async (t) => {
  const one = waiter([...LOCKING, 'exc_nmi', 'asm_exc_nmi', 'vprintk_emit']);
  const { saw } = await describeVcpu(one, { all: [one], gdb });
  t.ok(saw.includes('its own interrupted context may hold it: vprintk_emit'));
});

void t.test('a loop outside of a lock function is no wait for a lock', async (t) => {
  const one = waiter(['panic_smp_self_stop', 'panic']);
  const { saw } = await describeVcpu(one, { all: [one], gdb });
  t.notOk(saw.some((line) => line.includes('waits for')));
});
