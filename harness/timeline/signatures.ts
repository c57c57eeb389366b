import { MEMORY_SIGNATURES, TIMER_SIGNATURES } from './capture-signatures.js';
import { PLATFORM_SIGNATURES, SERVICE_SIGNATURES } from './kdump-signatures.js';
import { kernelMessage, WARNING_AT } from './printk.js';
import type { Signature } from './signature.js';

/**
 * A flat table: a new row needs its kernel source and a recording that fires it (CONTRIBUTING.md, "How to add a
 * signature").
 */
export const SIGNATURES: readonly Signature[] = [
  {
    name: 'no-irq-handler',
    pattern: kernelMessage(String.raw`\w+: \d+\.\d+ No irq handler for vector`),
    needs: 'No irq handler for vector',
    side: 'capture',
    // A healthy kernel prints one such line too (measured on 6.1 stock: an interrupt that was pending at
    // the crash), so that only many of them are a degradation: see classify/capture-check.
    degrades: false,
    source: 'arch/x86/kernel/irq.c, common_interrupt() (v6.1)',
  },
  {
    name: 'nobody-cared',
    pattern: kernelMessage(String.raw`irq \d+: nobody cared`),
    side: 'capture',
    degrades: true,
    source: 'kernel/irq/spurious.c, __report_bad_irq() (v6.1)',
  },
  {
    name: 'irq-disabled',
    pattern: kernelMessage(String.raw`Disabling IRQ #\d+`),
    side: 'capture',
    degrades: true,
    source: 'kernel/irq/spurious.c, note_interrupt() (v6.1)',
  },
  {
    name: 'timer-not-connected',
    pattern: kernelMessage(String.raw`\.\.MP-BIOS bug: 8254 timer not connected to IO-APIC`),
    side: 'capture',
    degrades: true,
    source: 'arch/x86/kernel/apic/io_apic.c, check_timer() (v6.1)',
  },
  {
    name: 'system-halted',
    pattern: kernelMessage('reboot: System halted'),
    side: 'capture',
    // How a kernel ends on a machine that it cannot power off.
    degrades: false,
    source: 'kernel/reboot.c, kernel_halt() (v6.1)',
  },
  {
    name: 'soft-lockup',
    pattern: kernelMessage(String.raw`watchdog: BUG: soft lockup(?: - CPU#\d+ stuck for \d+s!)?`),
    side: 'capture',
    degrades: true,
    source: 'kernel/watchdog.c, watchdog_timer_fn() (v6.1)',
  },
  {
    name: 'rcu-stall',
    pattern: kernelMessage(String.raw`rcu: INFO: \S+ (self-)?detected (expedited )?stall`),
    side: 'capture',
    degrades: true,
    source: 'kernel/rcu/tree_stall.h (v6.1)',
  },
  {
    name: 'warning-in-capture',
    pattern: kernelMessage(WARNING_AT),
    side: 'capture',
    degrades: true,
    source: 'kernel/panic.c, __warn() (v6.1, v6.19)',
  },
  {
    name: 'hard-lockup',
    pattern: kernelMessage('(?:NMI )?watchdog: Watchdog detected hard LOCKUP'),
    side: 'capture',
    degrades: true,
    source: 'kernel/watchdog_hld.c, watchdog_overflow_callback() (v6.1)',
  },
  {
    name: 'hung-task',
    pattern: kernelMessage(String.raw`INFO: task \S.{0,31} blocked for more than \d+ seconds`),
    side: 'capture',
    degrades: true,
    source: 'kernel/hung_task.c, check_hung_task() (v6.1)',
  },
  {
    name: 'workqueue-lockup',
    pattern: kernelMessage('BUG: workqueue lockup - pool'),
    side: 'capture',
    degrades: true,
    source: 'kernel/workqueue.c, wq_watchdog_timer_fn() (v6.1)',
  },
  {
    name: 'scheduled-while-atomic',
    pattern: kernelMessage(
      'BUG: (?:scheduling while atomic: |sleeping function called from invalid context at )',
    ),
    side: 'capture',
    degrades: true,
    source: 'kernel/sched/core.c, __schedule_bug(), __might_resched() (v6.1)',
  },
  {
    name: 'unknown-nmi',
    pattern: kernelMessage(String.raw`Uhhuh\. NMI received for unknown reason`),
    side: 'production',
    degrades: false,
    source: 'arch/x86/kernel/nmi.c, unknown_nmi_error() (v6.1)',
  },
  {
    name: 'crashkernel-not-reserved',
    pattern: kernelMessage(
      '(crashkernel (low )?reservation failed - .*|[Cc]annot (allocate|reserve) .{0,256}crashkernel.*|crashkernel: .*|crashkernel size resulted in zero bytes)',
    ),
    side: 'production',
    degrades: false,
    source:
      'arch/x86/kernel/setup.c, reserve_crashkernel(), kernel/crash_core.c (v6.1); kernel/crash_reserve.c (v6.12)',
  },
  {
    name: 'initramfs-not-unpacked',
    pattern: kernelMessage('Initramfs unpacking failed: .*'),
    side: 'both',
    degrades: false,
    source: 'init/initramfs.c, do_populate_rootfs() (v6.1)',
  },
  {
    name: 'init-not-found',
    pattern: kernelMessage(String.raw`check access for rdinit=\S{0,1024} failed: -?\d+, ignoring`),
    side: 'production',
    degrades: false,
    source: 'init/main.c, kernel_init_freeable() (newer than v6.1, which says nothing)',
  },
  ...TIMER_SIGNATURES,
  ...MEMORY_SIGNATURES,
  ...SERVICE_SIGNATURES,
  ...PLATFORM_SIGNATURES,
];
