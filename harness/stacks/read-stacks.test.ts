import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type CpuStack, MOST_FRAMES, MOST_STACKS } from './cpu-stack.js';
import { readStacks } from './read-stacks.js';

const TESTDATA = join(import.meta.dirname, '../../harness/stacks/testdata');

const textOf = (name: string): string => readFileSync(join(TESTDATA, name), 'utf8');

/** `CPU 0: a < b ^nmi < ? c`: `^` marks what an interruption hit. */
function lineOf({ name, frames }: CpuStack): string {
  const words = frames.map(
    ({ function: of, reliable, interruptedBy }) =>
      `${reliable ? '' : '? '}${of}${interruptedBy === undefined ? '' : ` ^${interruptedBy}`}`,
  );
  return `${name}: ${words.join(' < ')}`;
}

const HOLDER_NMI = 'crash_nmi_callback < nmi_handle < default_do_nmi < exc_nmi < end_repeat_nmi';
const WAITER =
  '_raw_spin_lock_irqsave < ioapic_read_entry < clear_IO_APIC_pin < clear_IO_APIC < native_machine_crash_shutdown < __crash_kexec < panic';

const READ: Readonly<Record<string, readonly string[]>> = {
  'mail-arrows.txt': [
    'CPU4: spin_lock_irqsave < ioapic_read_entry < clear_IO_APIC_pin < clear_IO_APIC < disable_IO_APIC < kdump_nmi_shootdown_cpus < native_machine_crash_shutdown < machine_ops.crash_shutdown < machine_crash_shutdown',
    'CPU0: crash_nmi_callback < do_nmi < nmi < spin_lock_irqsave ^nmi < mask_IO_APIC_irq_desc < mask_IO_APIC_irq < move_native_irq < ack_apic_edge < handle_edge_irq < handle_irq < do_IRQ',
  ],
  'mail-columns.txt': [
    'CPU0: raw_spin_lock_irqsave < __printk_safe_flush < printk_safe_flush < printk_safe_flush_on_panic < kdump_nmi_shootdown_cpus < panic',
    'CPU1: crash_nmi_callback < raw_spin_lock_irqsave ^nmi < __printk_safe_flush < printk_safe_flush < nmi_trigger_cpumask_backtrace < rcu_dump_cpu_stacks',
  ],
  'crash-bt.txt': [
    `CPU 0: ${HOLDER_NMI} < mask_ioapic_irq ^nmi < __irq_move_irq < apic_ack_irq < handle_edge_irq < __common_interrupt < common_interrupt < asm_common_interrupt < native_safe_halt ^interrupt < default_idle < do_idle`,
    `CPU 1: native_queued_spin_lock_slowpath < ${WAITER} < sysrq_handle_crash < __handle_sysrq.cold < write_sysrq_trigger < proc_reg_write < vfs_write < ksys_write < do_syscall_64 < entry_SYSCALL_64_after_hwframe`,
  ],
  'gdb-threads.txt': [
    'CPU 1: native_queued_spin_lock_slowpath < queued_spin_lock_slowpath < _raw_spin_lock_irqsave < down_trylock < __down_trylock_console_sem < console_trylock < vprintk_emit < _printk < dump_kernel_offset < atomic_notifier_call_chain < panic < sysrq_handle_crash',
    'CPU 0: native_halt < crash_nmi_callback < nmi_handle < default_do_nmi < exc_nmi < end_repeat_nmi < up ^nmi < __up_console_sem < console_unlock < vprintk_emit < devkmsg_emit < devkmsg_write < vfs_write',
  ],
  'drgn.txt': [
    `CPU0: ${HOLDER_NMI} < pci_conf1_read ^nmi < pci_bus_read_config_dword < pci_user_read_config_dword < pci_read_config < sysfs_kf_bin_read < vfs_read`,
    'CPU1: native_queued_spin_lock_slowpath < _raw_spin_lock_irqsave < pci_conf1_read < pci_bus_read_config_word < native_machine_crash_shutdown < __crash_kexec < panic',
  ],
  'log-nmi-backtraces.txt': [
    `CPU 0: ${HOLDER_NMI} < mask_ioapic_irq ^nmi < __irq_move_irq < apic_ack_irq < handle_edge_irq < __common_interrupt < common_interrupt < asm_common_interrupt < native_safe_halt ^interrupt < default_idle < do_idle`,
    `CPU 1: native_queued_spin_lock_slowpath < ${WAITER} < sysrq_handle_crash < __handle_sysrq.cold < write_sysrq_trigger < do_syscall_64 < entry_SYSCALL_64_after_hwframe`,
    'CPU 3: native_safe_halt ^nmi',
  ],
  'log-old-syslog.txt': [
    'CPU 1: _raw_spin_lock_irqsave < ioapic_read_entry < clear_IO_APIC_pin < disable_IO_APIC < native_machine_crash_shutdown < crash_kexec < panic',
    'CPU 0: crash_nmi_callback < nmi_handle < do_nmi < end_repeat_nmi < mask_ioapic_irq ^exception < ack_apic_edge < handle_edge_irq < handle_irq < do_IRQ < ? default_idle',
  ],
  'mail-no-holder.txt': [
    'CPU3: raw_spin_lock < hpet_disable < native_machine_crash_shutdown < crash_kexec < panic',
  ],
  'log-panic-only.txt': [
    'CPU 3: dump_stack_lvl < panic < ? sysvec_call_function_single < asm_sysvec_apic_timer_interrupt < native_safe_halt ^interrupt < default_idle < default_idle_call < do_idle < cpu_startup_entry < start_secondary < secondary_startup_64_no_verify',
  ],
  'mail-own-cpu.txt': [
    'CPU 0: native_queued_spin_lock_slowpath < _raw_spin_lock_irqsave < ioapic_read_entry < clear_IO_APIC_pin < clear_IO_APIC < native_machine_crash_shutdown < __crash_kexec < panic < nmi_panic < unknown_nmi_error < default_do_nmi < exc_nmi < end_repeat_nmi < mask_ioapic_irq ^nmi < __irq_move_irq < apic_ack_irq < handle_edge_irq < __common_interrupt < common_interrupt < asm_common_interrupt < ? do_idle',
    'CPU 1: crash_nmi_callback < nmi_handle < default_do_nmi < exc_nmi < end_repeat_nmi < native_safe_halt ^nmi < default_idle < do_idle',
  ],
};

t.test('stacks of every form, innermost first, with what was interrupted', async (t) => {
  t.strictSame(readdirSync(TESTDATA).sort(), Object.keys(READ).sort(), 'every text is read');
  for (const [name, expected] of Object.entries(READ))
    t.strictSame(readStacks(textOf(name)).map(lineOf), expected, name);
});

t.test('what a text says of a CPU beside its functions', async (t) => {
  const [waiter, holder] = readStacks(textOf('mail-arrows.txt'));
  t.match(waiter, { cpu: 4, form: 'mail', line: 4, loops: true, acquired: false, locks: ['ioapic_lock'] });
  t.match(holder, { cpu: 0, acquired: true, locks: ['ioapic_lock'] });
  const [log] = readStacks(textOf('log-nmi-backtraces.txt'));
  t.match(log?.frames[5], { function: 'mask_ioapic_irq', offset: 0x17, size: 0xb0 });
  const [crash] = readStacks(textOf('crash-bt.txt'));
  t.match(crash?.frames[5], { function: 'mask_ioapic_irq', offset: 23 });
});

t.test('mail programs, collectors and terminals change nothing', async (t) => {
  const plain = readStacks(textOf('log-nmi-backtraces.txt')).map(lineOf);
  const changed = (change: (line: string, index: number) => string) =>
    readStacks(textOf('log-nmi-backtraces.txt').split('\n').map(change).join('\n')).map(lineOf);
  t.strictSame(
    changed((line) => `> > ${line}`),
    plain,
    'quoted',
  );
  t.strictSame(
    changed((line) => `${line}\r`),
    plain,
    'CR LF',
  );
  t.strictSame(
    changed((line) => `\u001b[1m${line}\u001b[0m`),
    plain,
    'colours',
  );
  t.strictSame(
    changed((line) => `Jan  2 03:04:05 host kernel: ${line}`),
    plain,
    'syslog',
  );
  t.strictSame(
    changed((line) => `2026-01-02T03:04:05.678901+00:00 host kernel: ${line}`),
    plain,
    'journal',
  );
  t.strictSame(
    changed((line) => `[2026-01-02 03:04:05.678] ${line}`),
    plain,
    'a collector',
  );
  t.strictSame(
    changed((line) => line.replace(/^\[[^\]]*\] /, '')),
    plain,
    'without times',
  );
  t.strictSame(
    changed((line, index) => (index === 0 ? '' : line)),
    plain,
    'cut off',
  );
});

t.test('a stack that is written innermost first is turned by what it calls', async (t) => {
  const turned = [
    'CPU 1:',
    '<- _raw_spin_lock_irqsave',
    '<- ioapic_read_entry',
    '<- clear_IO_APIC_pin',
    '<- panic',
  ];
  const [stack] = readStacks(turned.join('\n'));
  t.equal(
    stack === undefined ? '' : lineOf(stack),
    'CPU1: _raw_spin_lock_irqsave < ioapic_read_entry < clear_IO_APIC_pin < panic',
  );
  const wrong = [
    'CPU 1:',
    '-> _raw_spin_lock_irqsave',
    '-> ioapic_read_entry',
    '-> clear_IO_APIC_pin',
    '-> panic',
  ];
  t.strictSame(
    readStacks(wrong.join('\n')).map(lineOf),
    readStacks(turned.join('\n')).map(lineOf),
    'wrong arrows',
  );
});

t.test('prose, code and boot messages are no stacks', async (t) => {
  for (const text of [
    '',
    'CPU 1 is spinning and CPU 0 holds ioapic_lock.\n\nThat is what we saw.',
    'CPU0: Intel(R) Xeon(R) CPU E5-2690\nBooting APIC\nTotal of 2 processors activated\n',
    'smp: Bringing up secondary CPUs ...\nx86: Booting SMP configuration:\n.... node  #0, CPUs:      #1\n',
    'diff --git a/x.c b/x.c\n-\tdisable_IO_APIC();\n+\tlapic_shutdown();\n',
    'if (a < b && b < c) return d < e;',
    '#include <linux/kernel.h>\n#define X 1\n# 1 comment\n',
    'RIP: 0033:0x7f1d4b6f4240\n',
  ])
    t.strictSame(readStacks(text).map(lineOf), [], JSON.stringify(text.slice(0, 40)));
});

t.test('hostile texts: bounded, and read in time', async (t) => {
  const began = performance.now();
  const many = Array.from(
    { length: 3000 },
    (_, cpu) => `CPU: ${cpu} PID: 1 Comm: x\nCall Trace:\n f${cpu}+0x1/0x2\n`,
  ).join('');
  t.equal(readStacks(many).length, MOST_STACKS);
  const deep = `Call Trace:\n${Array.from({ length: 5000 }, (_, index) => ` f${index}+0x1/0x2`).join('\n')}`;
  t.equal(readStacks(deep)[0]?.frames.length, MOST_FRAMES);
  for (const part of [
    '> ',
    ' -> ',
    '<',
    'CPU 1 ',
    '(',
    '[<',
    ' < a',
    '\t',
    '\u0000',
    '#1 ',
    'a+0x1/0x2 ',
    'x ---->',
  ])
    t.ok(readStacks(part.repeat(400_000)).length <= 1, JSON.stringify(part));
  for (const part of [
    'CPU 1:\n',
    'CPU 0   CPU 1\n',
    '-> f\n',
    'NMI backtrace for cpu 1\n',
    '[    1.0][ C1] x\n',
    '#0 f\n',
  ])
    t.ok(readStacks(part.repeat(20_000)).length <= MOST_STACKS, JSON.stringify(part));
  const callers = Array.from({ length: 50_000 }, (_, index) => `[    1.0][T${index}] Call Trace:`).join('\n');
  t.strictSame(readStacks(callers), []);
  const names = readStacks(
    `Call Trace:\n ${'a'.repeat(129)}+0x1/0x2\n $(reboot)+0x1/0x2\n ok_name+0x1/0x2\n`,
  );
  t.strictSame(names.map(lineOf), ['stack 1: ok_name']);
  t.ok(performance.now() - began < 60_000, 'no pattern takes quadratic time');
});
