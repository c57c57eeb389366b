/**
 * Functions in which a vCPU waits for a paravirtual lock, in `hlt` with interrupts off where they were off: what ends it
 * is another vCPU's kick (arch/x86/kernel/kvm.c, kvm_wait() and kvm_kick_cpu(); kernel/locking/qspinlock_paravirt.h,
 * pv_wait_head_or_lock(), v6.1).
 */
const PV_WAIT = /^(?:kvm_wait|pv_wait(?:_\w+)?|__pv_queued_spin_lock_slowpath)(?:\..*)?$/;

/** Functions between the instruction and kvm_wait(): native_halt() and the like. */
const MOST_ABOVE = 3;

/** Whether a halted vCPU with this stack, innermost function first, waits for a lock. */
export function waitsForPvLock(stack: readonly string[]): boolean {
  return stack.slice(0, MOST_ABOVE).some((name) => PV_WAIT.test(name));
}
