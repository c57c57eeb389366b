import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { stacksOfRun } from '../stacks/from-autopsy.js';
import type { CpuStack } from '../stacks/cpu-stack.js';
import { readStacks } from '../stacks/read-stacks.js';
import { fixtureNames, readFixture } from '../testing/recordings/fixtures.js';
import { isRelation, type Relation, relationIn } from './relation.js';

const TESTDATA = join(import.meta.dirname, '../../harness/stacks/testdata');

const stacksIn = (name: string): CpuStack[] => readStacks(readFileSync(join(TESTDATA, name), 'utf8'));

function relationOf(stacks: readonly CpuStack[]): Relation {
  const found = relationIn(stacks);
  if (isRelation(found)) return found;
  throw new Error(found.missing.join('; '));
}

/** What is missing for a relation; empty when there is one. */
function missingIn(stacks: readonly CpuStack[]): readonly string[] {
  const found = relationIn(stacks);
  return isRelation(found) ? [] : found.missing;
}

t.test('who waits for what, and who holds it', async (t) => {
  const two = (waiter: string, takenIn: string, lock: string, holder: string, interruptedIn: string) => ({
    kind: 'other-cpu',
    lock,
    waiter: { stack: { name: waiter }, takenIn },
    holder: { stack: { name: holder }, interruptedIn, sitsIn: 'crash_nmi_callback' },
  });
  const ioapic = ['ioapic_read_entry', 'ioapic_lock'] as const;
  const expected: Readonly<Record<string, object>> = {
    'mail-arrows.txt': two('CPU4', ...ioapic, 'CPU0', 'mask_IO_APIC_irq_desc'),
    'crash-bt.txt': two('CPU 1', ...ioapic, 'CPU 0', 'mask_ioapic_irq'),
    'log-nmi-backtraces.txt': two('CPU 1', ...ioapic, 'CPU 0', 'mask_ioapic_irq'),
    'log-old-syslog.txt': two('CPU 1', ...ioapic, 'CPU 0', 'mask_ioapic_irq'),
    'mail-columns.txt': {
      ...two('CPU0', '__printk_safe_flush', 'read_lock', 'CPU1', '__printk_safe_flush'),
      stoppedByPanic: true,
    },
    'gdb-threads.txt': {
      ...two('CPU 1', 'down_trylock', 'console_sem', 'CPU 0', 'up'),
      stoppedByPanic: true,
      printing: true,
    },
    'drgn.txt': two('CPU1', 'pci_conf1_read', 'pci_config_lock', 'CPU0', 'pci_conf1_read'),
    'mail-own-cpu.txt': {
      kind: 'own-cpu',
      lock: 'ioapic_lock',
      panicked: 'nmi',
      waiter: { takenIn: 'ioapic_read_entry' },
      holder: { interruptedIn: 'mask_ioapic_irq', sitsIn: undefined },
    },
  };
  for (const [name, relation] of Object.entries(expected))
    t.match(relationOf(stacksIn(name)), relation, name);
  t.equal(relationOf(stacksIn('mail-arrows.txt')).stoppedByPanic, false);
  t.strictSame(relationOf(stacksIn('mail-arrows.txt')).holder.at, undefined, 'a mail has no offsets');
  t.strictSame(relationOf(stacksIn('crash-bt.txt')).holder.at, { function: 'mask_ioapic_irq', offset: 23 });
});

t.test('without a relation: what is missing', async (t) => {
  t.match(missingIn(stacksIn('mail-no-holder.txt')), [
    'CPU3 waits in hpet_disable for hpet_lock, and no stack shows who holds it',
    /^stacks of the other CPUs are missing/,
  ]);
  t.match(missingIn(stacksIn('log-panic-only.txt')), [/^CPU 3 panics, but does not wait/, /.*/]);
  t.match(missingIn([]), [/^no stack is that of a panicking CPU/]);
});

t.test('near misses: a CPU that holds nothing is no holder', async (t) => {
  const waiter =
    'CPU 1:\npanic\n-> crash_kexec\n-> native_machine_crash_shutdown\n-> foo_stop\n-> spin_lock(&foo_lock)\n---Infinite loop here---\n\n';
  const stopped = (inside: string) =>
    `CPU 0:\n${inside}\n---NMI---\n-> nmi\n-> do_nmi\n-> crash_nmi_callback\n`;
  const of = (text: string) => readStacks(text);
  t.match(
    relationOf(
      of(waiter + stopped('do_IRQ\n-> foo_interrupt\n-> spin_lock(&foo_lock)\n--- after taking it ---')),
    ),
    {
      lock: 'foo_lock',
      holder: { interruptedIn: 'foo_interrupt', stack: { name: 'CPU0' } },
    },
  );
  t.match(relationOf(of(waiter + stopped('do_IRQ\n-> foo_interrupt'))), {
    holder: { interruptedIn: 'foo_interrupt' },
  });
  t.match(
    missingIn(of(waiter + stopped('cpu_idle\n-> default_idle\n-> native_safe_halt'))),
    [/no stack shows who holds it/, /CPU0: idle, waiting as well, or not stopped/],
    'idle',
  );
  t.match(
    missingIn(
      of(
        waiter +
          stopped('do_IRQ\n-> foo_interrupt\n-> spin_lock(&foo_lock)\n-> native_queued_spin_lock_slowpath'),
      ),
    ),
    [/no stack shows who holds it/, /.*/],
    'it waits in the queue as well',
  );
  t.match(
    missingIn(of(`${waiter}CPU 0:\ndo_IRQ\n-> foo_interrupt\n-> foo_work\n`)),
    [/no stack shows who holds it/, /.*/],
    'it was not stopped',
  );
  const spins = 'CPU 1:\nsys_write\n-> foo_write\n-> spin_lock(&foo_lock)\n---Infinite loop here---\n';
  t.match(missingIn(of(spins)), [
    /^no stack is that of a panicking CPU/,
    'CPU1 waits in foo_write, but it does not panic',
  ]);
});

t.test('a likely holder is called likely, and what called panic() is no holder', async (t) => {
  const waiter = (caller: string) =>
    `vCPU 1: native_queued_spin_lock_slowpath < _raw_spin_lock < foo_stop < native_machine_crash_shutdown < __crash_kexec < panic < ${caller}\n`;
  const stopped = (inside: string) =>
    `vCPU 0: crash_nmi_callback < nmi_handle < exc_nmi < end_repeat_nmi < ${inside} < vfs_write\n`;
  const sysrq = waiter('sysrq_handle_crash < __handle_sysrq < write_sysrq_trigger');
  t.match(relationOf(readStacks(sysrq + stopped('foo_write'))), {
    certain: false,
    because: { 2: /likely and not shown/ },
  });
  t.match(relationOf(readStacks(sysrq + stopped('foo_stop'))), { certain: true });
  t.match(missingIn(readStacks(sysrq)), [/^vCPU 1 waits in foo_stop|^CPU 1 waits in foo_stop/, /.*/]);
  t.match(missingIn(readStacks(sysrq + stopped('default_idle'))), [/no stack shows who holds it/, /.*/]);
  const ioapic = sysrq.replace('foo_stop', 'ioapic_read_entry');
  t.match(relationOf(readStacks(ioapic + stopped('mask_ioapic_irq'))), { certain: true });
  t.match(
    missingIn(readStacks(ioapic + stopped('pci_conf1_read'))),
    [/no stack shows who holds it/, /.*/],
    'it takes another lock',
  );
  t.match(relationOf(readStacks(ioapic.replace('sysrq_handle_crash', 'mask_ioapic_irq'))), {
    kind: 'own-cpu',
    certain: true,
  });
});

t.test('what an autopsy found is taken', async (t) => {
  const stacks = readStacks(
    [
      'vCPU 0: crash_nmi_callback < exc_nmi < end_repeat_nmi < foo_work < process_one_work < worker_thread',
      'vCPU 2: crash_nmi_callback < exc_nmi < end_repeat_nmi < bar_write < vfs_write < ksys_write',
      'vCPU 1: native_queued_spin_lock_slowpath < _raw_spin_lock < baz_stop < native_machine_crash_shutdown < __crash_kexec < panic',
    ].join('\n'),
  );
  const wait = (name: string, certain: boolean) => ({
    vcpu: 1,
    lock: { name },
    holder: {
      vcpu: 2,
      interruptedIn: 'bar_write',
      proof: 'bar_write+0x20 lies between lock and unlock',
      certain,
    },
  });
  t.match(relationIn(stacks, [wait('baz_lock', true)]), {
    lock: 'baz_lock',
    certain: true,
    holder: { stack: { cpu: 2 }, interruptedIn: 'bar_write' },
    because: { 2: 'autopsy: bar_write+0x20 lies between lock and unlock' },
  });
  t.match(relationIn(stacks, [wait('baz_lock', false)]), { certain: false });
  t.match(relationIn(stacks, [wait('x: {y}', true)]), { lock: undefined }, 'a name that no symbol has');
  t.match(relationIn(stacks), {
    lock: undefined,
    certain: false,
    alsoPossible: [/CPU 2 in bar_write|CPU 0 in foo_work/],
  });
});

t.test('of several stopped CPUs, the one that takes the same lock', async (t) => {
  const others =
    'CPU 2:\nsys_write\n-> vfs_write\n-> foo_write\n---NMI---\n-> nmi\n-> crash_nmi_callback\n\n';
  const text = readFileSync(join(TESTDATA, 'mail-arrows.txt'), 'utf8');
  const relation = relationOf(readStacks(others + text));
  t.equal(relation.holder.stack.name, 'CPU0');
  t.strictSame(relation.alsoPossible, ['CPU2 in foo_write']);
});

t.test('recordings: the deadlock of 2012 and no other', async (t) => {
  for (const name of await fixtureNames()) {
    const { records } = await readFixture(name);
    const facts = records.flatMap((record) => (record.kind === 'host' ? [record.record] : []));
    const { stacks, autopsy } = stacksOfRun(facts);
    const found = relationIn(stacks, autopsy?.waits);
    if (name !== 'crash-path-hang-ioapic-lock') {
      t.notOk(isRelation(found), name);
      continue;
    }
    t.match(found, {
      kind: 'other-cpu',
      lock: 'ioapic_lock',
      waiter: { takenIn: 'ioapic_read_entry' },
      holder: { interruptedIn: 'mask_ioapic_irq', sitsIn: 'crash_nmi_callback' },
    });
    const console = records.flatMap((record) =>
      record.kind === 'chunk' && record.channel === 'console' ? [record.bytes] : [],
    );
    const log = readStacks(Buffer.concat(console).toString('latin1'));
    t.ok(log.length > 0, 'the panic prints its own trace');
    t.notOk(isRelation(relationIn(log)), 'which shows no wait');
  }
});
