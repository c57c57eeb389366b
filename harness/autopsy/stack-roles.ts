import type { Suspect } from './describe-vcpu.js';

const CRASH_FUNCTION =
  /^(?:v?panic|nmi_panic|(?:__)?crash_kexec|machine_kexec|(?:native_)?machine_crash_shutdown|relocate_kernel)(?:\..*)?$/;
/** A CPU that panics second (kernel/panic.c, v6.1). */
const SELF_STOP_FUNCTION = /^(?:panic_smp_self_stop|nmi_panic_self_stop)(?:\..*)?$/;
/** A CPU that is stopped (arch/x86/kernel/reboot.c, v6.1). */
const SHOT_FUNCTION = /^(?:run_crash_ipi_callback|crash_nmi_callback)(?:\..*)?$/;

/**
 * What boots a kernel, up to its first program (init/main.c, start_kernel(), kernel_init(), v6.1). An exec gives the thread
 * a new stack, and start_kernel() ends as the idle task.
 */
const BOOT_FUNCTION = /^(?:start_kernel|kernel_init)(?:\..*)?$/;

/** The idle task (kernel/sched/idle.c, do_idle(), v6.1), and what it calls to halt. */
const IDLE_TASK = /^(?:do_idle|cpu_startup_entry)(?:\..*)?$/;
const IDLE_FUNCTION = /idle|halt/;
/** With idle=poll it runs (kernel/sched/idle.c, cpu_idle_poll(), v6.1). */
const IDLE_POLL = /^cpu_idle_poll(?:\..*)?$/;

/** Whether a stack, from its top, is that of the CPU that panicked, and not of one that was stopped or panicked second. */
export function isCrashing(stack: readonly string[]): boolean {
  return stack.some((name) => CRASH_FUNCTION.test(name)) && !isStopped(stack);
}

/** Whether a stack is that of a CPU that was stopped, or panicked second. */
export function isStopped(stack: readonly string[]): boolean {
  return selfStopIn(stack) !== undefined || stack.some((name) => SHOT_FUNCTION.test(name));
}

/** The function of a stack in which a CPU stops itself that panicked second; undefined for any other stack. */
export function selfStopIn(stack: readonly string[]): string | undefined {
  return stack.find((name) => SELF_STOP_FUNCTION.test(name));
}

/** Whether a stack is that of the thread that boots a kernel. */
export function isBooting(stack: readonly string[]): boolean {
  return stack.some((name) => BOOT_FUNCTION.test(name)) && !stack.some((name) => IDLE_TASK.test(name));
}

/** Whether a vCPU is in the idle task of a kernel, halted or polling, and in no handler of an interrupt. */
export function isIdle({ state, place, stack }: Pick<Suspect, 'state' | 'place' | 'stack'>): boolean {
  const task = stack.findIndex((name) => IDLE_TASK.test(name));
  const rests = state === 'asleep' || (state === 'running' && IDLE_POLL.test(stack[0] ?? ''));
  return (
    rests &&
    (place === 'first-kernel' || place === 'capture-kernel') &&
    task >= 0 &&
    stack.slice(0, task).every((name) => IDLE_FUNCTION.test(name))
  );
}
