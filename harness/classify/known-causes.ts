import type { EventOf, RunEvent } from '../model/event.js';
import { panicReason } from './capture-panic-check.js';
import { type LogFacts, signatureOf } from './log-boot.js';
import { type CauseInput, type CauseRow, type PlacedCpuStack, STACK_CAUSES } from './stack-causes.js';

/** A known reason for a dump that failed, or for a crash, with the line that shows it. */
export interface KnownCause {
  readonly name: CauseName;
  /** What it is, one sentence. */
  readonly what: string;
  /** What to do about it on the machine. */
  readonly remedy: string;
  /** Kernel file with a version, program, or documentation. */
  readonly source: string;
  readonly shownBy: RunEvent | PlacedCpuStack;
}

/** A kernel prints this line at most once; more are a device that interrupts for ever (classify/capture-check.ts). */
const SCREAMING_LINES = 3;

/**
 * Known causes, the most telling first. Each row names what the line says and no more: a cause is a hint where to look,
 * and the verdict stands without it.
 */
const CAUSES = {
  'stale-int3': {
    what: 'an int3 where the kernel has none: QEMU before 8.1 under TCG runs such stale code, and hardware does not',
    remedy: 'of a guest under TCG: run it again, or with QEMU 8.1 or later',
    source: 'QEMU deba78709a, "accel/tcg: Always lock pages before translation" (v8.1)',
    find: ({ facts }) => facts.events.find(({ type }) => type === 'stale-int3'),
  },
  'kexec-locked-down': {
    what: 'the kernel is locked down (Secure Boot) and refused to load an unsigned crash kernel',
    remedy: 'load a signed kernel with kexec_file_load() (kexec -s -p)',
    source: 'security/lockdown/lockdown.c; kernel/kexec.c, kexec_load_check() (v6.1); man 7 kernel_lockdown',
    find: ({ facts }) => signatureOf(facts.events, 'kexec-locked-down'),
  },
  'crashkernel-not-reserved': {
    what: 'the kernel could not reserve the memory that crashkernel= asks for',
    remedy: 'ask for less, for memory above 4 GiB (crashkernel=SIZE,high), and without an address (@)',
    source:
      'arch/x86/kernel/setup.c, reserve_crashkernel() (v6.1); Documentation/admin-guide/kdump/kdump.rst',
    find: ({ facts }) => signatureOf(facts.events, 'crashkernel-not-reserved'),
  },
  'kdump-not-armed': {
    what: 'the service that loads the crash kernel reports a failure',
    remedy: 'kdumpctl status, or kdump-config show; then the reason that it logged',
    source: 'kdump-utils, kdumpctl; kdump-tools, kdump-config; kexec-tools, kexec/kexec.c',
    find: ({ facts }) => signatureOf(facts.events, 'kdump-not-armed'),
  },
  'no-crash-kernel': {
    what: 'the report of the crash does not say "Kdump: loaded": no crash kernel was loaded',
    remedy: 'load one before the crash: cat /sys/kernel/kexec_crash_loaded must print 1',
    source: 'lib/dump_stack.c, dump_stack_print_info() (v4.17, v6.12)',
    find: ({ facts, word }) =>
      facts.loaded === false &&
      facts.panic !== undefined &&
      facts.boot.goesOn === undefined &&
      word !== 'boot-failed'
        ? facts.loadedBy
        : undefined,
  },
  'oops-without-panic': {
    what: 'an oops in a process ends only the process, unless panic_on_oops is set',
    remedy: 'sysctl kernel.panic_on_oops=1, or oops=panic on the command line',
    source: 'arch/x86/kernel/dumpstack.c, oops_end() (v6.1); Documentation/admin-guide/sysctl/kernel.rst',
    find: ({ facts }) =>
      facts.panic === undefined && facts.captureEntered === undefined
        ? facts.events.findLast(({ type }) => type === 'oops')
        : undefined,
  },
  'inherited-hardware-error': {
    what: 'the capture kernel found the hardware error that the firmware still reports, and handled it again',
    remedy: 'hest_disable (and mce=off) on the command line of the capture kernel',
    source:
      'drivers/acpi/apei/ghes.c, ghes_proc(), __ghes_panic() (v6.1); kdump-utils, gen-kdump-sysconfig.sh',
    find: ({ facts }) =>
      signatureOf(facts.events, 'hardware-error', 'capture') ??
      signatureOf(facts.events, 'machine-check', 'capture') ??
      panicOf(facts, 'capture', /^(?:GHES: )?Fatal hardware error|^Fatal machine check/),
  },
  'hardware-error': {
    what: 'the hardware reported an error before the crash',
    remedy: "the DIMM, device or bank that the report names; the BMC's event log",
    source: 'arch/x86/kernel/cpu/mce/core.c, mce_panic(); drivers/acpi/apei/ghes.c (v6.1)',
    find: ({ facts }) =>
      panicOf(facts, 'production', /^(?:GHES: )?Fatal hardware error|^Fatal machine check/) ??
      signatureOf(facts.events, 'hardware-error', 'production') ??
      signatureOf(facts.events, 'machine-check', 'production'),
  },
  'crashkernel-too-small': {
    what: 'the capture kernel ran out of memory: the reservation is too small for its kernel, initramfs and devices',
    remedy: 'a larger crashkernel=, or a smaller initramfs',
    source:
      'init/initramfs.c, do_populate_rootfs(); mm/oom_kill.c (v6.1); Documentation/admin-guide/kdump/kdump.rst',
    find: ({ facts }) =>
      signatureOf(facts.events, 'initramfs-not-unpacked', 'capture') ??
      signatureOf(facts.events, 'oom-killer', 'capture') ??
      signatureOf(facts.events, 'oom-kill', 'capture') ??
      capturePanicOf(facts, 'out-of-memory'),
  },
  'timer-dead-in-capture': {
    what: "the timer interrupt does not reach the capture kernel through the IO-APIC: its state is the crashed kernel's, or interrupt remapping still is",
    remedy:
      'no_timer_check, or noapic, for the capture kernel; a kernel that clears the IO-APIC on the crash path',
    source: 'arch/x86/kernel/apic/io_apic.c, check_timer() (v6.1)',
    find: ({ facts }) =>
      signatureOf(facts.events, 'timer-not-connected', 'capture') ??
      capturePanicOf(facts, 'timer-check-failed') ??
      panicOf(facts, 'capture', /^timer doesn't work through Interrupt-remapped IO-APIC/),
  },
  'iommu-still-translates': {
    what: 'devices went on with DMA of the crashed kernel, and the IOMMU refused it or did not answer',
    remedy:
      'iommu=off or intel_iommu=off for the capture kernel, as a trial; a kernel that copies the tables',
    source: 'drivers/iommu/intel/dmar.c, dmar_fault(); drivers/iommu/amd/iommu.c (v6.1)',
    find: ({ facts }) => signatureOf(facts.events, 'iommu-fault', 'capture'),
  },
  'old-interrupt-screams': {
    what: 'an interrupt of the crashed kernel keeps coming, and the capture kernel has no handler for it',
    remedy: 'irqpoll for the capture kernel; the driver of that device in its initramfs',
    source: 'arch/x86/kernel/irq.c, common_interrupt(); kernel/irq/spurious.c (v6.1)',
    find: ({ facts }) => {
      const lines = facts.events.filter(
        (event) => event.type === 'signature' && event.name === 'no-irq-handler',
      );
      return (
        signatureOf(facts.events, 'nobody-cared', 'capture') ??
        signatureOf(facts.events, 'irq-disabled', 'capture') ??
        (lines.length >= SCREAMING_LINES ? lines[0] : undefined)
      );
    },
  },
  'old-timer-interrupt': {
    what: 'an interrupt that was pending at the crash was delivered again; once, it is harmless',
    remedy: 'none, unless the capture kernel stops right behind it',
    source: 'arch/x86/kernel/apic/apic.c, local_apic_timer_interrupt(), apic_pending_intr_clear() (v6.1)',
    find: ({ facts }) =>
      signatureOf(facts.events, 'stale-apic-state', 'capture') ??
      signatureOf(facts.events, 'spurious-lapic-timer', 'capture') ??
      signatureOf(facts.events, 'spurious-interrupt', 'capture'),
  },
  'nvme-does-not-answer': {
    what: "commands to an NVMe drive time out in the capture kernel: the drive's interrupt does not arrive, or the controller was left busy",
    remedy: 'pci=nomsi or nvme.use_threaded_interrupts=1 as a trial; another dump target',
    source: 'drivers/nvme/host/pci.c, nvme_timeout() (v6.1, v6.12)',
    find: ({ facts }) => signatureOf(facts.events, 'nvme-timeout', 'capture'),
  },
  'vmbus-unload': {
    what: 'on Hyper-V, the crash path waits for the host to unload VMBus, with a message each 5 s, for up to 100 s',
    remedy: 'wait longer; a kernel with the polling of all CPUs (drivers/hv, v5.13)',
    source: 'drivers/hv/channel_mgmt.c, vmbus_wait_for_unload() (v6.1)',
    find: ({ facts }) => signatureOf(facts.events, 'vmbus-unload', 'production'),
  },
  'dump-target-full': {
    what: 'the dump target has no room',
    remedy: 'room for the dump, or makedumpfile -d 31',
    source: 'makedumpfile, makedumpfile.c, write_buffer()',
    find: ({ facts }) => signatureOf(facts.events, 'dump-target-full', 'capture'),
  },
  'vmcore-not-opened': {
    what: 'the capture kernel has no /proc/vmcore: it was not given elfcorehdr=, or refused the headers',
    remedy: 'a capture kernel with CONFIG_PROC_VMCORE; its log about "Kdump: vmcore not initialized"',
    source: 'fs/proc/vmcore.c, vmcore_init() (v6.1)',
    find: ({ facts }) => signatureOf(facts.events, 'vmcore-not-opened', 'capture'),
  },
  'dump-target-missing': {
    what: 'the dump target did not appear in the capture kernel: its driver is not in the initramfs, or the device does not answer',
    remedy: "the target's driver in the kdump initramfs (extra_modules, dracut_args --add-drivers)",
    source: 'dracut, modules.d/99base/dracut-initqueue.sh; systemd, src/core/device.c',
    find: ({ facts }) => signatureOf(facts.events, 'dump-target-missing', 'capture'),
  },
  'dump-failed': {
    what: "the capture kernel's userspace reports that saving the dump failed",
    remedy: 'the lines of makedumpfile before that; a newer makedumpfile for a newer kernel',
    source: 'kdump-utils, dracut/99kdumpbase/kdump.sh; kdump-tools, kdump-config; makedumpfile',
    find: ({ facts }) =>
      signatureOf(facts.events, 'dump-saved') === undefined
        ? signatureOf(facts.events, 'dump-failed', 'capture')
        : undefined,
  },
  'capture-panics-on-warning': {
    what: 'the capture kernel panicked on a warning or a lockup that a sysctl of the first kernel makes fatal',
    remedy:
      'keep panic_on_warn, softlockup_panic, hung_task_panic and panic_on_rcu_stall out of the kdump initramfs',
    source: 'kernel/panic.c, check_panic_on_warn(); kernel/watchdog.c (v6.1)',
    find: ({ facts }) =>
      panicOf(
        facts,
        'capture',
        /panic_on_warn set|^softlockup: hung tasks|^hung_task: blocked tasks|RCU Stall|^Hard LOCKUP/,
      ),
  },
  'no-root-in-capture': {
    what: 'the capture kernel found no init: its initramfs was not loaded, not unpacked, or has no driver for the root',
    remedy: "kexec -p with --initrd; the initramfs of that kernel's release",
    source: 'init/do_mounts.c, mount_block_root(); init/main.c, kernel_init() (v6.1)',
    find: ({ facts }) => capturePanicOf(facts, 'no-init'),
  },
  'init-died-in-capture': {
    what: "the capture kernel's init ended or was killed",
    remedy: 'the lines before the panic: the script or the library that failed',
    source: 'kernel/exit.c, do_exit() (v6.1)',
    find: ({ facts }) => capturePanicOf(facts, 'init-died'),
  },
  'purgatory-digest': {
    what: 'the loaded crash image was changed between the loading and the crash, by a wild write or DMA',
    remedy:
      'a machine check of the memory; kexec_file_load(), whose purgatory says nothing but checks as well',
    source: 'kexec-tools 2.0.25, purgatory/purgatory.c, verify_sha256_digest()',
    find: ({ facts }) => signatureOf(facts.events, 'purgatory-digest'),
  },
  ...STACK_CAUSES,
  'console-switched-off': {
    what: 'the last kernel line switches a console off: the kernel may go on without printing',
    remedy: 'keep_bootcon, or the console= of the line that is read',
    source: 'kernel/printk/printk.c, unregister_console_locked() (v6.1)',
    find: ({ facts }) => {
      const last = facts.events.at(-1);
      return last?.type === 'signature' && last.name === 'console-disabled' ? last : undefined;
    },
  },
} as const satisfies Readonly<Record<string, CauseRow>>;

export type CauseName = keyof typeof CAUSES;

/** Names of all causes, in order. */
export const CAUSE_NAMES: readonly CauseName[] = Object.keys(CAUSES).filter(isCause);

function isCause(name: string): name is CauseName {
  return Object.hasOwn(CAUSES, name);
}

/** The known causes that a crash's lines and stacks show, the most telling first. Pure. */
export function knownCauses(input: CauseInput): KnownCause[] {
  return CAUSE_NAMES.flatMap((name) => {
    const { find, ...row }: CauseRow = CAUSES[name];
    const shownBy = find(input);
    return shownBy === undefined ? [] : [{ name, ...row, shownBy }];
  });
}

function panicOf(
  { events }: LogFacts,
  side: 'production' | 'capture',
  message: RegExp,
): EventOf<'panic'> | undefined {
  return events.find(
    (event): event is EventOf<'panic'> =>
      event.type === 'panic' && event.side === side && message.test(event.message),
  );
}

function capturePanicOf(facts: LogFacts, reason: string): EventOf<'panic'> | undefined {
  return facts.events.find(
    (event): event is EventOf<'panic'> =>
      event.type === 'panic' && event.side === 'capture' && panicReason(event.message) === reason,
  );
}
