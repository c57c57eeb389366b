import { entryOf, type StackFrame } from './cpu-stack.js';

/** Functions that call and are seldom called: they stand at the outer end. */
const OUTER =
  /^(?:v?panic|do_IRQ|common_interrupt|__common_interrupt|sysvec_\w+|entry_\w+|do_syscall_64|system_call\w*|ret_from_fork\w*|kthread|start_secondary|secondary_startup_64\w*|cpu_startup_entry|cpu_idle|do_idle|rest_init|start_kernel|machine_crash_shutdown|native_machine_crash_shutdown|(?:__)?crash_kexec|smp_apic_timer_interrupt|__x64_sys_\w+|ksys_\w+|handle_irq|oops_end|nmi_panic)$/;
/** Functions in which a CPU waits or ends. */
const INNER =
  /^(?:crash_nmi_callback|kdump_nmi_callback|stop_this_cpu|(?:native_)?queued_spin_lock_slowpath|__pv_queued_spin_lock_slowpath|_*(?:do_)?(?:raw_)?(?:spin|read|write)_lock\w*|_*(?:ticket_)?spin_lock\w*|(?:pv_)?native_(?:safe_)?halt|cpu_relax|__delay|delay_tsc|intel_idle|acpi_idle_\w+|machine_kexec|panic_smp_self_stop)$/;

/**
 * Frames innermost first. Which end is which follows from functions that are known to be at one of them; `given` counts where
 * there are none, or as many of one opinion as of the other. Pure.
 */
export function innermostFirst(
  frames: readonly StackFrame[],
  given: 'innermost first' | 'outermost first',
): StackFrame[] {
  let seenOuter = 0;
  let seenInner = 0;
  let opinion = 0;
  for (const { function: name } of frames) {
    const inner = INNER.test(name);
    const outer = !inner && (OUTER.test(name) || entryOf(name) === 'interrupt');
    // Above: an outer function before an inner one; below: the other way.
    if (inner) opinion -= seenOuter;
    if (outer) opinion += seenInner;
    if (inner) seenInner += 1;
    if (outer) seenOuter += 1;
  }
  const inOrder = opinion === 0 ? given === 'innermost first' : opinion > 0;
  return inOrder ? [...frames] : frames.toReversed();
}
