import { otherNamesOf } from '../symbols/renamed.js';
import { withoutClone } from './functions.js';

/** A spinlock with a symbol of its own, and functions that take it. */
export interface KnownLock {
  readonly lock: string;
  readonly takenIn: readonly string[];
  /** Functions take other locks of the kind as well: one of these must stand further out in the stack. */
  readonly among?: readonly string[];
  /** The panicking CPU's own messages take it before it stops the other CPUs. */
  readonly printing?: true;
  readonly source: string;
}

export const KNOWN_LOCKS: readonly KnownLock[] = [
  {
    lock: 'ioapic_lock',
    takenIn: [
      'mask_ioapic_irq',
      'mask_IO_APIC_irq',
      'mask_IO_APIC_irq_desc',
      'unmask_ioapic_irq',
      'unmask_IO_APIC_irq',
      'ioapic_read_entry',
      'ioapic_write_entry',
      'ioapic_mask_entry',
      'ioapic_set_affinity',
      'ioapic_configure_entry',
      'ioapic_irq_get_chip_state',
      'startup_ioapic_irq',
      'clear_IO_APIC_pin',
      'eoi_ioapic_irq',
      'ack_apic_level',
    ],
    source: 'arch/x86/kernel/apic/io_apic.c (v3.2, v6.1)',
  },
  {
    lock: 'pci_config_lock',
    takenIn: ['pci_conf1_read', 'pci_conf1_write', 'pci_conf2_read', 'pci_conf2_write'],
    source: 'arch/x86/pci/direct.c (v6.1)',
  },
  {
    lock: 'pci_lock',
    takenIn: [
      'pci_user_read_config_byte',
      'pci_user_read_config_word',
      'pci_user_read_config_dword',
      'pci_bus_read_config_byte',
      'pci_bus_read_config_word',
      'pci_bus_read_config_dword',
    ],
    source: 'drivers/pci/access.c (v6.1)',
  },
  {
    lock: 'console_sem',
    takenIn: ['down_trylock', 'up', 'down'],
    among: [
      'console_lock',
      'console_trylock',
      'console_unlock',
      '__console_unlock',
      'up_console_sem',
      '__up_console_sem',
      '__down_trylock_console_sem',
      'down_trylock_console_sem',
      'vprintk_emit',
      'console_trylock_spinning',
      'printk_legacy_allow_panic_sync',
      'console_flush_all',
      'nbcon_atomic_flush_pending',
    ],
    printing: true,
    source: "kernel/locking/semaphore.c: a semaphore's own raw lock; kernel/printk/printk.c (v6.1, v6.12)",
  },
  {
    lock: 'logbuf_lock',
    takenIn: [
      'vprintk_emit',
      'console_unlock',
      'kmsg_dump_get_buffer',
      'syslog_print',
      'devkmsg_read',
      'kmsg_dump',
    ],
    printing: true,
    source: 'kernel/printk/printk.c (v3.2, v5.10; gone in v5.15)',
  },
  {
    lock: 'console_owner_lock',
    takenIn: [
      'console_lock_spinning_enable',
      'console_lock_spinning_disable_and_check',
      'console_trylock_spinning',
    ],
    printing: true,
    source: 'kernel/printk/printk.c (v6.1)',
  },
  {
    lock: 'i8259A_lock',
    takenIn: [
      'mask_8259A_irq',
      'unmask_8259A_irq',
      'disable_8259A_irq',
      'enable_8259A_irq',
      'mask_8259A',
      'unmask_8259A',
      'mask_and_ack_8259A',
      'i8259A_irq_pending',
    ],
    source: 'arch/x86/kernel/i8259.c (v6.1)',
  },
  {
    lock: 'i8253_lock',
    takenIn: ['pit_next_event', 'pit_set_oneshot', 'pit_set_periodic', 'pit_shutdown', 'i8253_read'],
    source: 'drivers/clocksource/i8253.c (v6.1)',
  },
  {
    lock: 'i8042_lock',
    takenIn: ['i8042_interrupt', 'i8042_command', 'i8042_kbd_write', 'i8042_flush'],
    source: 'drivers/input/serio/i8042.c (v6.1)',
  },
  {
    lock: 'rtc_lock',
    takenIn: [
      'mc146818_get_time',
      'mc146818_avoid_UIP',
      'mach_get_cmos_time',
      'cmos_read_alarm',
      'cmos_interrupt',
      'hpet_rtc_interrupt',
    ],
    source: 'drivers/rtc/rtc-mc146818-lib.c, rtc-cmos.c (v6.1)',
  },
  {
    lock: 'jiffies_lock',
    takenIn: ['tick_do_update_jiffies64', 'tick_init_jiffy_update'],
    source: 'kernel/time/tick-sched.c (v6.1)',
  },
  {
    lock: 'timekeeper_lock',
    takenIn: ['timekeeping_advance', 'update_wall_time', 'do_settimeofday64', 'timekeeping_inject_offset'],
    source: 'kernel/time/timekeeping.c (v6.1)',
  },
  {
    lock: 'vmap_area_lock',
    takenIn: ['alloc_vmap_area', 'find_vmap_area', 'find_unlink_vmap_area', 'free_vmap_area_noflush'],
    source: 'mm/vmalloc.c (v6.1)',
  },
  {
    lock: 'pgd_lock',
    takenIn: ['pgd_alloc', 'pgd_free', 'sync_global_pgds', 'arch_sync_kernel_mappings', '__split_large_page'],
    source: 'arch/x86/mm/pgtable.c, init_64.c (v6.1)',
  },
  {
    lock: 'input_pool_lock',
    takenIn: ['extract_entropy', 'add_timer_randomness', 'mix_pool_bytes'],
    source: 'drivers/char/random.c (up to v5.17)',
  },
];

/** A function under all names that it has had; the given one first. */
export function namesOf(name: string): string[] {
  return [...new Set([name, ...otherNamesOf(name)])];
}

/** Whether two names are of one function: clones and renamings aside. */
export function isSameFunction(a: string, b: string): boolean {
  const plain = withoutClone(b);
  return namesOf(withoutClone(a)).includes(plain);
}

/** Which known lock does a function take that has these callers, innermost first? */
export function lockTakenIn(name: string, callers: readonly string[]): KnownLock | undefined {
  return KNOWN_LOCKS.find(
    ({ takenIn, among }) =>
      takenIn.some((taker) => isSameFunction(taker, name)) &&
      (among === undefined || callers.some((caller) => among.includes(withoutClone(caller)))),
  );
}
