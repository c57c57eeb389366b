import type { RunEvent } from '../model/event.js';
import { type CpuStack, functionsOf } from '../timeline/cpu-stacks.js';
import type { LogFacts } from './log-boot.js';
import type { LogFinding } from './log-undetermined.js';

/** A stack of the log, with the number of the line where it begins. */
export interface PlacedCpuStack extends CpuStack {
  readonly at: number;
}

/** What the causes are looked for in. */
export interface CauseInput {
  /** What the log shows; undefined without a crash. */
  readonly word: LogFinding['word'] | undefined;
  readonly facts: LogFacts;
  readonly stacks: readonly PlacedCpuStack[];
}

/** A known cause: what it is, what to do, who prints the line, and how it is found. */
export interface CauseRow {
  readonly what: string;
  readonly remedy: string;
  readonly source: string;
  readonly find: (input: CauseInput) => RunEvent | PlacedCpuStack | undefined;
}

/** How far from the innermost function a stack still stands in a place. */
const INNER = 8;

/** Causes that the stack of a CPU shows: it stands in a place where others have hung. */
export const STACK_CAUSES = {
  'ioapic-lock': {
    what: 'a CPU on the crash path waits for ioapic_lock, which a CPU may hold that the shootdown NMI stopped',
    remedy: 'a kernel with ioapic_zap_locks(), or one that leaves the IO-APIC alone',
    source: 'arch/x86/kernel/apic/io_apic.c, clear_IO_APIC(), ioapic_zap_locks() (v6.1)',
    find: ({ stacks }) =>
      findStack(
        stacks,
        (functions) =>
          waits(functions) &&
          functions.some((name) =>
            /^(?:clear_IO_APIC|disable_IO_APIC|ioapic_|native_disable_io_apic)/.test(name),
          ),
      ),
  },
  'pci-config-lock': {
    what: 'a CPU waits for the lock of the PCI configuration space',
    remedy: 'the CPU that holds it, in the other stacks',
    source: 'arch/x86/pci/direct.c, pci_conf1_read() (v6.1)',
    find: ({ stacks }) =>
      findStack(
        stacks,
        (functions) => waits(functions) && functions.some((name) => /^pci_conf1_|^raw_pci_/.test(name)),
      ),
  },
  'printing-on-serial-console': {
    what: 'a CPU prints to a serial console, which takes a tenth of a second for a kilobyte at 115200 baud, or waits for its lock',
    remedy: 'console=ttyS0,115200 at the rate of the line, fewer messages (loglevel=), or no serial console',
    source: 'drivers/tty/serial/8250/8250_port.c, serial8250_console_write() (v6.1)',
    find: ({ stacks }) =>
      findStack(stacks, (functions) =>
        functions
          .slice(0, INNER)
          .some((name) =>
            /^(?:serial8250_console_|univ8250_console_|wait_for_xmitr|wait_for_lsr|io_serial_)/.test(name),
          ),
      ),
  },
  'waits-in-printk': {
    what: 'a CPU waits in printk: for the lock of the console, or for another CPU that prints',
    remedy: 'the CPU that prints, in the other stacks; a console that answers',
    source: 'kernel/printk/printk.c, console_trylock_spinning(), vprintk_emit() (v6.1)',
    find: ({ stacks }) =>
      findStack(stacks, (functions) =>
        functions
          .slice(0, INNER)
          .some((name) =>
            /^(?:console_trylock_spinning|console_unlock|console_flush_all|vprintk_emit|__printk_cpu_sync)/.test(
              name,
            ),
          ),
      ),
  },
  'in-panic-notifier': {
    what: 'a panic notifier runs before the crash kernel is started (crash_kexec_post_notifiers), and it stands there',
    remedy: 'leave crash_kexec_post_notifiers out',
    source: 'kernel/panic.c, panic() (v6.1); Documentation/admin-guide/kernel-parameters.txt',
    find: ({ stacks }) =>
      findStack(
        stacks,
        (functions) =>
          functions.includes('panic') &&
          functions.some((name) => /^(?:atomic_)?notifier_call_chain$/.test(name)),
      ),
  },
} as const satisfies Readonly<Record<string, CauseRow>>;

/** Whether a CPU waits for a spin lock, as its innermost functions show. */
function waits(functions: readonly string[]): boolean {
  return functions
    .slice(0, 4)
    .some((name) =>
      /^(?:native_|pv_|__pv_)?queued_spin_lock_slowpath$|^_raw_spin_lock|^do_raw_spin_lock|^_spin_lock/.test(
        name,
      ),
    );
}

function findStack(
  stacks: readonly PlacedCpuStack[],
  test: (functions: readonly string[]) => boolean,
): PlacedCpuStack | undefined {
  return stacks.find((stack) => test(functionsOf(stack)));
}
