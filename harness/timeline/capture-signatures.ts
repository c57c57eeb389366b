import { kernelMessage } from './printk.js';
import type { Signature } from './signature.js';

/**
 * Messages of a kernel whose timers do not work as expected. Some rows degrade nothing: a TSC or another clock that is
 * marked unstable, and the one LAPIC timer interrupt that was pending when the first kernel died, come from a busy host
 * or from any kdump (measured: 23 of 40 recorded captures have the latter).
 */
export const TIMER_SIGNATURES: readonly Signature[] = [
  {
    name: 'timer-as-virtual-wire',
    pattern: kernelMessage(String.raw`\.\.\.trying to set up timer as Virtual Wire IRQ`),
    side: 'both',
    degrades: true,
    source: 'arch/x86/kernel/apic/io_apic.c, check_timer() (v6.1)',
  },
  {
    name: 'tsc-not-calibrated',
    pattern: kernelMessage(
      String.raw`tsc: (?:HPET/PMTIMER calibration failed\s*$|No reference \(HPET/PMTIMER\) available|Marking TSC unstable due to could not calculate TSC khz)`,
    ),
    side: 'both',
    degrades: true,
    source: 'arch/x86/kernel/tsc.c, pit_hpet_ptimer_calibrate_cpu(), tsc_init() (v6.1)',
  },
  {
    name: 'tsc-unstable',
    // The command line may request it (notsc), and a failed calibration has a row of its own.
    pattern: kernelMessage('tsc: Marking TSC unstable due to (?!boot parameter|could not calculate TSC khz)'),
    side: 'capture',
    degrades: false,
    source: 'arch/x86/kernel/tsc.c, mark_tsc_unstable(), tsc_cs_mark_unstable() (v6.1)',
  },
  {
    name: 'clocksource-unstable',
    pattern: kernelMessage(
      String.raw`clocksource: timekeeping watchdog on CPU\d+: (?:Marking clocksource '[\w-]{1,32}' as unstable|[\w-]{1,32} read-back delay of -?\d+ns, attempt \d+, marking unstable)`,
    ),
    side: 'capture',
    degrades: false,
    source: 'kernel/time/clocksource.c, clocksource_watchdog(), cs_watchdog_read() (v6.1)',
  },
  {
    name: 'hpet-disabled',
    pattern: kernelMessage(
      String.raw`hpet: (?:Config register invalid\. Disabling HPET|Counter not counting\. HPET disabled|Disabling HPET\.)`,
    ),
    side: 'both',
    degrades: true,
    source: 'arch/x86/kernel/hpet.c, hpet_cfg_working(), hpet_counting(), hpet_enable() (v6.1)',
  },
  {
    name: 'apic-timer-disabled',
    pattern: kernelMessage(
      '(?:APIC: )?APIC (?:frequency too slow, disabling apic timer|timer disabled due to verification failure)',
    ),
    side: 'both',
    degrades: true,
    source: 'arch/x86/kernel/apic/apic.c, calibrate_APIC_clock() (v6.1)',
  },
  {
    name: 'spurious-lapic-timer',
    pattern: kernelMessage(String.raw`(?:APIC: )?Spurious LAPIC timer interrupt on cpu \d+`),
    side: 'capture',
    degrades: false,
    source: 'arch/x86/kernel/apic/apic.c, local_apic_timer_interrupt() (v6.1)',
  },
  {
    name: 'spurious-interrupt',
    pattern: kernelMessage(
      String.raw`(?:APIC: )?Spurious (?:APIC interrupt \(vector 0xFF\)|interrupt \(vector 0x[0-9a-f]{2}\)) on CPU#\d+`,
    ),
    side: 'capture',
    degrades: true,
    source: 'arch/x86/kernel/apic/apic.c, handle_spurious_interrupt() (v6.1)',
  },
  {
    name: 'stale-apic-state',
    pattern: kernelMessage(String.raw`APIC: Stale IRR: [0-9a-f,]+ ISR: [0-9a-f,]+`),
    side: 'capture',
    degrades: true,
    // Pending vectors of the first kernel came again faster than 512 EOIs could clear them; the sets of vectors follow.
    source: 'arch/x86/kernel/apic/apic.c, apic_pending_intr_clear() (v6.1)',
  },
];

/** Messages of a kernel that runs out of memory. A process name has 15 characters at most (TASK_COMM_LEN). */
export const MEMORY_SIGNATURES: readonly Signature[] = [
  {
    name: 'oom-killer',
    pattern: kernelMessage(String.raw`.{1,15} invoked oom-killer: gfp_mask=0x`),
    needs: 'gfp_mask=0x',
    side: 'capture',
    degrades: true,
    source: 'mm/oom_kill.c, dump_header() (v6.1)',
  },
  {
    name: 'oom-kill',
    pattern: kernelMessage(
      String.raw`(?:Memory cgroup out|Out) of memory(?: \(oom_kill_allocating_task\))?: Killed process \d+ `,
    ),
    side: 'capture',
    degrades: true,
    source: 'mm/oom_kill.c, __oom_kill_process() (v6.1)',
  },
  {
    name: 'allocation-failure',
    pattern: kernelMessage(String.raw`.{1,15}: page allocation failure: order:\d+`),
    needs: 'page allocation failure: order:',
    side: 'capture',
    degrades: true,
    source: 'mm/page_alloc.c, warn_alloc() (v6.1)',
  },
  {
    name: 'bad-page',
    // What the kernel finds when something else wrote to its memory.
    pattern: kernelMessage(
      'BUG: (?:Bad page (?:state|map|cache) in process |Bad rss-counter state |non-zero pgtables_bytes on freeing mm)',
    ),
    side: 'capture',
    degrades: true,
    source: 'mm/page_alloc.c, bad_page(); mm/memory.c, print_bad_pte(); kernel/fork.c, check_mm() (v6.1)',
  },
  {
    name: 'corrupted-object',
    pattern: kernelMessage(
      String.raw`BUG(?:: (?:KASAN|KFENCE|KMSAN): | \S{1,64} \((?:Not tainted|Tainted: .{1,64})\): )`,
    ),
    side: 'capture',
    degrades: true,
    source: 'mm/slub.c, slab_bug(); mm/kfence/report.c; mm/kasan/report.c (v6.1)',
  },
];
