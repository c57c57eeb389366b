import { MOST_FUNCTIONS } from '../../model/locked-instructions.js';
import { symbolSchema } from '../../proof/names.js';
import { OF_LOCKS } from './lock-functions.js';
import { callerOf, type Recording } from './locks.js';

/**
 * Functions of the crash path that need not be in a stack of a lock that is taken: kernel/panic.c, kernel/kexec_core.c,
 * arch/x86/kernel/crash.c, reboot.c and smp.c, kernel/printk/printk.c, nbcon.c (since 6.10), lib/. A kernel does not have
 * all.
 */
const ALWAYS: readonly string[] = [
  ...['panic', 'vpanic', 'panic_try_start', 'crash_kexec', '__crash_kexec', 'machine_crash_shutdown'],
  ...['native_machine_crash_shutdown', 'crash_smp_send_stop', 'kdump_nmi_shootdown_cpus'],
  ...['nmi_shootdown_cpus', 'smp_send_stop', 'native_stop_other_cpus', 'crash_save_cpu', 'machine_kexec'],
  ...['panic_other_cpus_shutdown', 'atomic_notifier_call_chain', 'kmsg_dump', 'kmsg_dump_desc'],
  ...['debug_locks_off', 'bust_spinlocks', 'add_taint', 'tracing_off', 'dump_stack', 'dump_stack_lvl'],
  ...['__printk_cpu_trylock', '__printk_cpu_sync_try_get', '__printk_cpu_sync_put', 'vprintk_emit'],
  ...['vprintk_store', 'console_trylock', 'console_trylock_spinning', 'console_unlock', 'wake_up_klogd'],
  ...['__wake_up_klogd', '__wake_up_klogd.part.0', 'defer_console_output', 'irq_work_queue'],
  ...['printk_legacy_allow_panic_sync', 'nbcon_context_try_acquire', 'nbcon_context_try_acquire_direct'],
  ...['nbcon_context_release', 'nbcon_atomic_flush_pending', '__nbcon_atomic_flush_pending_con'],
];

/**
 * The functions of the crash path, as far as recordings show them: those that were on the stack of a lock function, up
 * to panic(), and the ones that every crash path has. Sorted, so that they are the same ones when a sweep is resumed.
 */
export function pathFunctions(recordings: readonly Recording[]): string[] {
  const calls = recordings.flatMap(({ facts }) => facts.flatMap((fact) => fact.calls));
  const found = calls.flatMap((call) => [callerOf(call), ...upToPanic(call.stack)]);
  return [...new Set([...ALWAYS, ...found])]
    .filter((name) => !OF_LOCKS.has(name) && symbolSchema.safeParse(name).success)
    .toSorted()
    .slice(0, MOST_FUNCTIONS / 2);
}

/** What panic() has interrupted is not on the crash path. */
function upToPanic(stack: readonly string[]): readonly string[] {
  const panic = stack.findIndex((name) => name === 'panic' || name === 'vpanic');
  return panic < 0 ? stack : stack.slice(0, panic + 1);
}
