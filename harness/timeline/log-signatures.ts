import { SERVICE_SIGNATURES } from './kdump-signatures.js';
import { kernelMessage } from './printk.js';
import type { Signature } from './signature.js';

/** A CPU's line of a report, up to the name of the process (lib/dump_stack.c, dump_stack_print_info(), v6.1, v6.12). */
const CPU_LINE = String.raw`CPU: \d+ (?:UID: \d+ )?PID: \d+ Comm: `;
/** What says that a crash kernel is loaded stands behind the process, which has 20 characters at most. */
const LOADED = '.{1,20}? ?Kdump: loaded ';
/** The taint, and the release. */
const TAINT = String.raw`.{1,20}? ?(?:Not tainted|Tainted: .{1,128}?) \d+\.\d`;

/**
 * Lines that only a plain log needs, because nobody saw the machine: a run has the host's facts for what they tell. A
 * reader of a log is given these rows beside the others.
 */
export const LOG_SIGNATURES: readonly Signature[] = [
  {
    name: 'crash-kernel-loaded',
    pattern: kernelMessage(CPU_LINE + LOADED),
    side: 'production',
    degrades: false,
    source: 'lib/dump_stack.c, dump_stack_print_info() (v4.17, v6.12)',
  },
  {
    name: 'crash-kernel-missing',
    pattern: kernelMessage(`${CPU_LINE}(?!${LOADED})${TAINT}\\S{0,127}`),
    side: 'production',
    degrades: false,
    source: 'lib/dump_stack.c, dump_stack_print_info() (v4.17, v6.12): "Kdump: loaded" would stand there',
  },
  {
    name: 'first-kernel-lockup',
    pattern: kernelMessage(
      String.raw`(?:(?:NMI )?watchdog: )?(?:BUG: soft lockup - CPU#\d+ stuck for \d+s!|Watchdog detected hard LOCKUP on cpu \d+)|(?:rcu: )?INFO: \S+ (?:self-)?detected (?:expedited )?stall|INFO: task \S.{0,31} blocked for more than \d+ seconds`,
    ),
    side: 'production',
    degrades: false,
    source: 'kernel/watchdog.c, kernel/watchdog_hld.c, kernel/rcu/tree_stall.h, kernel/hung_task.c (v6.1)',
  },
  {
    name: 'nmi-backtrace',
    pattern: kernelMessage(String.raw`NMI backtrace for cpu \d{1,5}`),
    side: 'production',
    degrades: false,
    source: 'lib/nmi_backtrace.c, nmi_cpu_backtrace() (v6.1)',
  },
  {
    name: 'capture-init-started',
    pattern: kernelMessage(String.raw`Run \S{1,64} as init process`),
    side: 'capture',
    degrades: false,
    source: 'init/main.c, run_init_process() (v6.1)',
  },
  {
    name: 'kernel-ended-itself',
    pattern: kernelMessage('reboot: (?:Restarting system|Power down|machine restart)'),
    side: 'both',
    degrades: false,
    source: 'kernel/reboot.c, kernel_restart(), kernel_power_off(); arch/x86/kernel/reboot.c (v6.1)',
  },
  {
    name: 'console-disabled',
    pattern: kernelMessage(String.raw`(?:printk: )?(?:legacy )?(?:boot)?console \[\w{1,16}\] disabled`),
    side: 'both',
    degrades: false,
    source: 'kernel/printk/printk.c, unregister_console_locked() (v6.1)',
  },
  // The log may begin in the capture kernel, behind its command line.
  ...SERVICE_SIGNATURES.filter(({ name }) => name === 'dump-saved' || name === 'dump-failed').map(
    (signature): Signature => ({ ...signature, side: 'production' }),
  ),
];
