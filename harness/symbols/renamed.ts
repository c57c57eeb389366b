/** One function under several names, with where each name was seen. */
export interface Renamed {
  readonly names: readonly string[];
  readonly source: string;
}

/** Functions that scenarios name and that have another name in other kernels. Each row was checked. */
export const RENAMED: readonly Renamed[] = [
  {
    names: ['mask_IO_APIC_irq', 'mask_ioapic_irq'],
    source:
      'kallsyms of a 2.6 i386 kernel has the first; 4.4 (io_apic.c), Debian 6.1.0-56 and 6.12.117 the second',
  },
  {
    names: ['ioapic_irqd_mask', 'ioapic_prepare_move'],
    source: 'commit 2579a4eefc04 ("x86/ioapic: Rename misnamed functions")',
  },
  {
    names: ['ioapic_irqd_unmask', 'ioapic_finish_move'],
    source: 'commit 2579a4eefc04 ("x86/ioapic: Rename misnamed functions")',
  },
  {
    names: ['move_native_irq', '__irq_move_irq'],
    source:
      'the stack of an edge interrupt whose affinity changed: LKML 2012-02-29 (Zickus) has the first, 6.1.192 the last; irq_move_irq() is an inline function around it (include/linux/irq.h, v6.1)',
  },
  {
    names: ['ack_apic_edge', 'apic_ack_edge'],
    source: 'the same stacks',
  },
  {
    names: ['do_IRQ', 'common_interrupt'],
    source:
      'the entry code of 5.8 has no do_IRQ: lkdtm on 6.1 fails to probe it; Debian 6.1.0-56 has the second',
  },
  {
    names: ['smp_apic_timer_interrupt', 'sysvec_apic_timer_interrupt'],
    source: "the conversion of the local APIC's vectors to IDTENTRY_SYSVEC; Debian 6.1.0-56 has the second",
  },
  {
    names: ['queued_spin_lock_slowpath', 'native_queued_spin_lock_slowpath'],
    source:
      'without and with CONFIG_PARAVIRT_SPINLOCKS: a tinyconfig 6.1.192, and Debian 6.1.0-56 and 6.12.117',
  },
  {
    names: ['native_safe_halt', 'pv_native_safe_halt'],
    source: 'where an idle vCPU is in Debian 6.1.0-56, and in 6.12.117',
  },
];

/** The other names of a function, as far as the table knows. */
export function otherNamesOf(name: string): readonly string[] {
  return RENAMED.filter((row) => row.names.includes(name)).flatMap((row) =>
    row.names.filter((other) => other !== name),
  );
}
