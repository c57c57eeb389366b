/**
 * Functions of the kernel by what a stack that has them says. Names are those of x86 kernels from v2.6.32 to v6.12; a clone
 * (`.part.0`, `.constprop.0`, `.isra.0`, `.cold`) counts as its function.
 */

/** The function that a clone was made of. */
export function withoutClone(name: string): string {
  return name.replace(/\.(?:part|constprop|isra|cold|llvm)(?:\.\d+)*.*$/, '');
}

/** A CPU in one of these waits for a spinlock (kernel/locking/qspinlock.c, include/linux/spinlock_api_smp.h, v6.1). */
const SPIN_LOCK =
  /^(?:_*(?:do_|arch_|native_|pv_|raw_|ticket_|queued_|paravirt_|kvm_|xen_|hv_|class_)*(?:raw_)?(?:spin|spinlock|read|write|qspin|rw)_?lock\w*|(?:native_|__pv_)?queued_(?:spin|read|write)_lock_slowpath\w*|(?:__)?ticket_spin_\w+|lock_kernel|class_raw_spinlock\w*)$/;
/** What such a wait calls. */
const SPIN_HELPER =
  /^(?:__?delay\w*|delay_\w+|cpu_relax|rep_nop|pv_wait\w*|kvm_wait|__?const_udelay|lock_acquire|smp_cond_load\w*|__read_once_size|arch_mutex_cpu_relax)$/;

/** Whether a function takes a spinning lock, or is a part of that. A trylock or an unlock does not wait. */
export function isSpinLock(name: string): boolean {
  const plain = withoutClone(name);
  return SPIN_LOCK.test(plain) && !/unlock|trylock|_init|_is_/.test(plain);
}

export function isSpinHelper(name: string): boolean {
  return SPIN_HELPER.test(withoutClone(name));
}

/** A lock call that waits with its queue: it has not got the lock. */
export function isSlowPath(name: string): boolean {
  return /slowpath/.test(name);
}

export function isUnlock(name: string): boolean {
  return /^_*(?:do_)?(?:raw_)?(?:spin|read|write)_unlock\w*$/.test(withoutClone(name));
}

/**
 * The functions to which the kernel's names of a lock call lead at run time: spin_lock_irqsave() is a call of
 * _raw_spin_lock_irqsave (include/linux/spinlock.h, v6.1), or a guard's constructor (include/linux/cleanup.h, v6.12).
 */
export function lockCallees(name: string | undefined): readonly string[] {
  const kind =
    name === undefined || isSlowPath(name) ? undefined : /lock(_irqsave|_irq|_bh)?/.exec(name)?.[1];
  const spin = name === undefined || isSlowPath(name) || !/(?:^|_)(?:read|write)_?lock/.test(name);
  if (!spin) {
    const way = /write/.test(name) ? 'write' : 'read';
    return [`_raw_${way}_lock${kind ?? ''}`];
  }
  if (kind !== undefined) {
    const guard = kind === '_irqsave' ? ['class_raw_spinlock_irqsave_constructor.constprop.0'] : [];
    return [`_raw_spin_lock${kind}`, ...guard];
  }
  const named = name !== undefined && !isSlowPath(name);
  return named
    ? ['_raw_spin_lock']
    : [
        '_raw_spin_lock_irqsave',
        '_raw_spin_lock',
        '_raw_spin_lock_irq',
        '_raw_spin_lock_bh',
        'class_raw_spinlock_irqsave_constructor.constprop.0',
      ];
}

/** Whether a lock call turns interrupts off. */
export function turnsInterruptsOff(name: string | undefined): boolean {
  return name !== undefined && /lock_irq/.test(name);
}

/** A CPU that another one has stopped for good (arch/x86/kernel/crash.c, reboot.c, smp.c; kernel/panic.c, v6.1). */
const STOPPED =
  /^(?:crash_nmi_callback|kdump_nmi_callback|nmi_shootdown_\w*callback|stop_this_cpu|smp_stop_nmi_callback|sysvec_reboot|smp_reboot_interrupt|reboot_interrupt|native_stop_other_cpus_callback|panic_smp_self_stop|nmi_panic_self_stop|run_crash_ipi_callback|crash_save_cpu|crash_smp_send_stop_callback)$/;

export function isStopped(name: string): boolean {
  return STOPPED.test(withoutClone(name));
}

/** The panicking CPU (kernel/panic.c, kernel/kexec_core.c, arch/x86/kernel/machine_kexec_64.c, v6.1). */
const CRASHING =
  /^(?:v?panic|nmi_panic|(?:__)?crash_kexec|machine_ops\.crash_shutdown|(?:native_)?machine_crash_shutdown|machine_kexec|kdump_nmi_shootdown_cpus|nmi_shootdown_cpus|crash_smp_send_stop|oops_end)$/;
/** From here on the dump is under way; what waits before it waits in panic() itself. */
const KEXEC =
  /^(?:(?:__)?crash_kexec|machine_ops\.crash_shutdown|(?:native_)?machine_crash_shutdown|machine_kexec)$/;

export function isCrashFunction(name: string): boolean {
  return CRASHING.test(withoutClone(name));
}

export function isKexecFunction(name: string): boolean {
  return KEXEC.test(withoutClone(name));
}

/** A CPU that had nothing to do, or was in user space. */
const IDLE =
  /^(?:(?:pv_)?native_(?:safe_)?halt|default_idle\w*|mwait_idle\w*|intel_idle\w*|acpi_(?:idle|safe_halt|processor_ffh)\w*|amd_e400_idle|arch_cpu_idle|cpuidle_\w+|do_idle|cpu_idle\w*|cpu_startup_entry|poll_idle|hlt_\w+|start_secondary|rest_init|secondary_startup_64\w*|call_cpuidle|mwait_\w+|c1e_idle|sched_idle\w*)$/;

export function isIdleFunction(name: string): boolean {
  return IDLE.test(withoutClone(name));
}

/** What only watches or prints: no part of what a CPU does. */
const DIAGNOSTIC =
  /^(?:nmi_cpu_backtrace\w*|nmi_trigger_cpumask_backtrace|dump_stack\w*|show_\w+|dump_trace)$/;

export function isDiagnostic(name: string): boolean {
  return DIAGNOSTIC.test(withoutClone(name));
}

/** A system call's, interrupt's or thread's first function: no lock is taken in it. */
const OUTERMOST =
  /^(?:entry_\w+|do_syscall_64|x64_sys_call|do_fast_syscall_32|system_call\w*|__x64_sys_\w+|__se_sys_\w+|__do_sys_\w+|ksys_\w+|sys_\w+|ret_from_fork\w*|kthread|kernel_thread\w*|do_IRQ|(?:__)?common_interrupt|sysvec_\w+|asm_\w+|handle_irq|smp_\w+_interrupt|do_softirq\w*|irq_exit\w*|start_secondary)$/;

export function isOutermost(name: string): boolean {
  return OUTERMOST.test(withoutClone(name));
}
