import t from 'tap';
import { AutopsySchema } from '../model/autopsy.js';
import { recordedMachine } from '../testing/recordings/still-machines.js';
import { stackLines } from '../report/autopsy-text.js';
import { autopsyOf } from './autopsy.js';

const NO_ZAP = 'ioapic-lock-6.1-no-zap';

void t.test('the deadlock of 2012: who spins, on what, and who holds it where', async (t) => {
  const { machine } = recordedMachine(NO_ZAP);
  const autopsy = await autopsyOf(machine);
  t.strictSame(AutopsySchema.parse(autopsy), autopsy, 'it can be stored');
  t.strictSame(autopsy.findings, [
    'vCPU 1 spins on ioapic_lock, held by vCPU 0, which was interrupted in mask_ioapic_irq and sits in crash_nmi_callback',
  ]);
  t.match(autopsy.waits, [
    {
      vcpu: 1,
      lock: { name: 'ioapic_lock', word: '00000001' },
      takenIn: 'ioapic_read_entry',
      function: '_raw_spin_lock_irqsave',
      holder: {
        vcpu: 0,
        certain: true,
        heldIn: 'mask_ioapic_irq',
        proof: /^mask_ioapic_irq\+0x17\/0x42 lies between/,
      },
    },
  ]);
  const [holder, waiter] = autopsy.vcpus;
  t.match(holder, { state: 'parked', place: 'first-kernel', complete: true });
  t.strictSame(
    holder?.frames.flatMap(({ function: name, hitBy }) => (hitBy === undefined ? [] : [[name, hitBy]])),
    [
      ['mask_ioapic_irq', 'NMI'],
      ['native_safe_halt', 'interrupt'],
    ],
    'the NMI stack and the interrupt stack are crossed',
  );
  t.match(waiter?.frames.map(({ function: name }) => name).slice(0, 7), [
    'queued_spin_lock_slowpath',
    'do_raw_spin_lock',
    '_raw_spin_lock_irqsave',
    'ioapic_read_entry',
    'clear_IO_APIC_pin',
    'clear_IO_APIC',
    'native_machine_crash_shutdown',
  ]);
  t.match(autopsy.interrupts[0], /^IO-APIC version 0x20, 24 pins/);
});

void t.test('a lock that is free has no holder', async (t) => {
  const recorded = recordedMachine(NO_ZAP);
  recorded.write(recorded.address('ioapic_lock'), new Uint8Array(4));
  const { waits, findings } = await autopsyOf(recorded.machine);
  t.strictSame(waits, []);
  t.strictSame(findings, [
    'vCPU 1 is about to take ioapic_lock, which ioapic_read_entry takes: its word shows that it is free',
  ]);
});

void t.test('a function that was interrupted before it took the lock, or after it released it', async (t) => {
  // The call of _raw_spin_lock_irqsave; behind the call of _raw_spin_unlock_irqrestore.
  for (const offset of [0x12, 0x3d]) {
    const recorded = recordedMachine(NO_ZAP);
    const held = recorded.address('mask_ioapic_irq', 0x17);
    t.ok(recorded.replaceWords(held, recorded.address('mask_ioapic_irq', offset)) > 0);
    const { waits, findings } = await autopsyOf(recorded.machine);
    t.match(waits, [{ vcpu: 1, lock: { name: 'ioapic_lock' }, holder: undefined }]);
    t.match(findings[0], /ioapic_lock \(its word is 0x00000001\), .*; no stack shows who holds it$/);
  }
  const recorded = recordedMachine(NO_ZAP);
  // The unlock has not been called yet.
  recorded.replaceWords(recorded.address('mask_ioapic_irq', 0x17), recorded.address('mask_ioapic_irq', 0x38));
  t.match((await autopsyOf(recorded.machine)).waits, [{ holder: { vcpu: 0, certain: true } }]);
});

void t.test('where no stack shows the holder, it is who was made to take the lock', async (t) => {
  const recorded = recordedMachine(NO_ZAP);
  const held = recorded.address('mask_ioapic_irq', 0x17);
  recorded.replaceWords(held, recorded.address('mask_ioapic_irq', 0x12));
  const taken = { function: '_raw_spin_trylock', vcpu: 0, address: recorded.address('ioapic_lock') };
  const { waits, findings } = await autopsyOf({ ...recorded.machine, taken: [taken] });
  t.match(waits, [
    {
      holder: {
        vcpu: 0,
        certain: false,
        proof: /made it take the lock by _raw_spin_trylock\(\), .* 0x00000001$/,
      },
    },
  ]);
  t.match(findings[0], /spins on ioapic_lock, probably held by vCPU 0, which sits in crash_nmi_callback$/);
  const other = await autopsyOf({ ...recorded.machine, taken: [{ ...taken, address: taken.address + 8n }] });
  t.match(other.findings[0], /no stack shows who holds it$/, 'another lock');
  const shown = await autopsyOf({ ...recordedMachine(NO_ZAP).machine, taken: [{ ...taken, vcpu: 1 }] });
  t.match(shown.waits, [{ holder: { vcpu: 0, certain: true } }], 'a stack is better');
});

void t.test('a vCPU that is held runs nowhere', async (t) => {
  const { machine } = recordedMachine(NO_ZAP);
  const autopsy = await autopsyOf({ ...machine, held: new Set([0]) });
  t.strictSame(AutopsySchema.parse(autopsy), autopsy, 'it can be stored');
  const [held, free] = autopsy.vcpus;
  t.equal(held?.held, true);
  t.equal(held === undefined ? '' : stackLines(held, []).at(-1), '---held by the choreography here---');
  t.notOk('held' in (free ?? {}), 'near miss');
});

void t.test('a lock without a symbol is named by its address', async (t) => {
  const { machine } = { machine: recordedMachine(NO_ZAP).without(/^ioapic_lock$/) };
  const { findings } = await autopsyOf(machine);
  t.match(findings[0], /held by vCPU 0, which was interrupted in mask_ioapic_irq/);
  t.notMatch(findings[0], /spins on ioapic_lock/);
});

void t.test('without symbols it says so', async (t) => {
  const { machine } = recordedMachine(NO_ZAP);
  const { findings, unknown, vcpus, waits } = await autopsyOf({
    ...machine,
    kernels: {},
    controllers: undefined,
  });
  t.strictSame([findings, waits], [[], []]);
  t.strictSame(unknown, [
    'the stacks of vCPU 0, 1: the symbols of the first kernel are not known',
    'the interrupt controllers: the machine has no monitor to ask',
  ]);
  t.match(vcpus, [{ frames: [], registers: { rip: /^f{8}/ } }, { frames: [] }]);
});

void t.test('a CPU that waits for itself, and two for each other', async (t) => {
  const twice = await autopsyOf(recordedMachine('lock-twice-6.1-seeded').machine);
  t.strictSame(twice.findings, [
    'vCPU 0 spins on static_lock, which it holds itself: take_twice has taken it and not released it',
  ]);
  const each = await autopsyOf(recordedMachine('lock-each-other-6.1-seeded').machine);
  t.match(each.findings, [
    'vCPU 0 spins on second_lock, held by vCPU 1, which took it in take_second_then_first and sits in queued_spin_lock_slowpath',
    // The function that took it has returned.
    /^vCPU 1 spins on static_lock .*; no stack shows who holds it$/,
  ]);
});

void t.test('a holder whose lock was in a variable is only likely', async (t) => {
  const { waits, findings } = await autopsyOf(recordedMachine('lock-static-6.1-seeded').machine);
  t.match(waits, [
    { lock: { name: 'static_lock' }, holder: { vcpu: 0, certain: false, heldIn: 'take_spinlock' } },
  ]);
  t.match(findings[0], /^vCPU 1 spins on static_lock, probably held by vCPU 0, /);
});

void t.test('loops that wait for no lock', async (t) => {
  const spin = await autopsyOf(recordedMachine('shutdown-spin-6.1-seeded').machine);
  t.match(spin.findings, [
    /^vCPU 1 loops in spin\+0x\d, 2 instructions, reads nothing; no instruction leads out of it, called by __cpseed < cpseed < native_machine_crash_shutdown </,
  ]);
  t.strictSame(spin.waits, []);
  const flag = await autopsyOf(recordedMachine('lock-flag-6.1-seeded').machine);
  t.match(flag.findings, [
    /^vCPU 1 loops in wait_for_word\+0x[\da-f]+, 5 instructions, reads word \(0xf+[\da-f]+\) = 0x0+1, called by __cpseed/,
  ]);
});

void t.test('the lock of console_sem, on stock kernels of 2020 and 2026', async (t) => {
  for (const name of ['console-sem-5.10', 'console-sem-7.2']) {
    const recorded = recordedMachine(name);
    const { findings, vcpus, waits } = await autopsyOf(recorded.machine);
    t.strictSame(findings, [
      'vCPU 0 spins on console_sem, held by vCPU 1, which was interrupted in up and sits in crash_nmi_callback',
    ]);
    t.match(waits, [{ takenIn: 'down_trylock', holder: { certain: true, heldIn: 'up' } }], name);
    const [waiter, holder] = vcpus.map(({ frames }) => frames.map(({ function: function_ }) => function_));
    t.strictSame(waiter?.slice(0, 3), [
      'native_queued_spin_lock_slowpath',
      '_raw_spin_lock_irqsave',
      'down_trylock',
    ]);
    t.strictSame(holder?.slice(0, 2), ['native_halt', 'crash_nmi_callback']);
    t.match(vcpus[1], { complete: true }, 'the stack of the holder is known to its bottom');
    t.ok(vcpus[1]?.frames.every(({ reliable }) => reliable));
    t.ok(vcpus[1]?.frames.some(({ hitBy }) => hitBy === 'NMI'));
  }
});

void t.test('without its symbol that lock is named by its taker', async (t) => {
  const { findings } = await autopsyOf(recordedMachine('console-sem-7.2').without(/^console_sem$/));
  t.match(findings, [
    /^vCPU 0 spins on .*held by vCPU 1, which was interrupted in up and sits in crash_nmi_callback$/,
  ]);
});
