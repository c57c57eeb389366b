import t from 'tap';
import { createConsoleReader } from './console.js';
import { BANNER, CAPTURE_LINE } from '../testing/builders/console.js';
import { SIGNATURES } from './signatures.js';

/** For each signature, lines as kernels print them, and lines that look like them. */
const EXAMPLES: Record<string, { hits: string[]; misses: string[] }> = {
  'no-irq-handler': {
    hits: ['__common_interrupt: 0.35 No irq handler for vector', 'do_IRQ: 1.55 No irq handler for vector'],
    misses: ['acpi: No irq handler for vector', 'said: __common_interrupt: 0.35 No irq handler for vector'],
  },
  'stale-apic-state': {
    hits: [
      'APIC: Stale IRR: 00000000,00000000,00000000,00000000,00000000,00000000,00010008,00000000 ISR: 00000000,00000000,00000000,00000000,00000000,00000000,00000000,00000000',
    ],
    misses: [
      'APIC: Switch to symmetric I/O mode setup',
      'tool: APIC: Stale IRR: 0 ISR: 0',
      'APIC: Stale IRR: none',
    ],
  },
  'nobody-cared': {
    hits: ['irq 11: nobody cared (try booting with the "irqpoll" option)'],
    misses: ['irq: nobody cared', 'mail: irq 11: nobody cared'],
  },
  'irq-disabled': {
    hits: ['Disabling IRQ #11'],
    misses: ['Disabling IRQ remapping', 'pci: Disabling IRQ #11'],
  },
  'timer-not-connected': {
    hits: ['..MP-BIOS bug: 8254 timer not connected to IO-APIC'],
    misses: ['..TIMER: vector=0x30 apic1=0 pin1=2 apic2=-1 pin2=-1', '[Firmware Bug]: 8254 timer'],
  },
  'system-halted': {
    hits: ['reboot: System halted'],
    misses: ['reboot: Power down', 'init: reboot: System halted', 'System halted'],
  },
  'soft-lockup': {
    hits: ['watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [swapper/0:1]'],
    misses: ['watchdog: soft lockup detector enabled', 'rcu: soft lockup'],
  },
  'rcu-stall': {
    hits: [
      'rcu: INFO: rcu_preempt self-detected stall on CPU',
      'rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:',
      'rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { }',
    ],
    misses: ['rcu: INFO: stall warnings suppressed', 'rcu: Hierarchical RCU implementation.'],
  },
  'warning-in-capture': {
    hits: [
      'WARNING: CPU: 0 PID: 1 at kernel/irq/chip.c:210 irq_startup+0x1/0x2',
      'WARNING: kernel/irq/chip.c:210 at irq_startup+0x1/0x2, CPU#0: swapper/0/1',
      'WARNING: [ptr == 0 && 1] kernel/irq/chip.c:210 at irq_startup+0x1/0x2 [e1000], CPU#3: kworker/3:1/77',
      'WARNING: at irq_startup+0x1/0x2, CPU#0: swapper/0/1',
    ],
    misses: [
      'WARNING: unsafe configuration',
      'libata: WARNING: CPU: 0 PID: 1 at x',
      'WARNING: disk 3:1 at home, CPU: 0',
    ],
  },
  'hard-lockup': {
    hits: [
      'NMI watchdog: Watchdog detected hard LOCKUP on cpu 0',
      'watchdog: Watchdog detected hard LOCKUP on cpu 1',
    ],
    misses: ['NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.'],
  },
  'hung-task': {
    hits: ['INFO: task kworker/u4:0 events:7 blocked for more than 120 seconds.'],
    misses: ['INFO: lockdep is turned off.', 'mail: INFO: task x:1 blocked for more than 120 seconds.'],
  },
  'workqueue-lockup': {
    hits: ['BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 35s!'],
    misses: ['workqueue: round-robin CPU selection forced', 'said BUG: workqueue lockup - pool'],
  },
  'scheduled-while-atomic': {
    hits: [
      'BUG: scheduling while atomic: swapper/0/1/0x00000200',
      'BUG: sleeping function called from invalid context at mm/slab.h:1',
    ],
    misses: ['BUG: scheduling', 'said BUG: scheduling while atomic: x'],
  },
  'corrupted-object': {
    hits: [
      'BUG: KFENCE: use-after-free read in test+0x1/0x2',
      'BUG kmalloc-64 (Not tainted): Poison overwritten',
      'BUG dentry (Tainted: G    B   W         ): Object already free',
    ],
    misses: ['kfence: initialized - using 2097152 bytes', 'BUG kmalloc-64: said', 'said BUG: KFENCE: x'],
  },
  'bad-page': {
    hits: [
      'BUG: Bad page state in process swapper/0  pfn:22f01',
      'BUG: Bad page map in process init  pte:8000 pmd:1',
      'BUG: Bad rss-counter state mm:00000000 type:MM_ANONPAGES val:2',
    ],
    misses: ['Bad page state in process x', 'page: Bad page', 'BUG: Bad'],
  },
  'timer-as-virtual-wire': {
    hits: ['...trying to set up timer as Virtual Wire IRQ...'],
    misses: [
      '...trying to set up timer (IRQ0) through the 8259A ...',
      'APIC: Switch to virtual wire mode setup',
    ],
  },
  'tsc-not-calibrated': {
    hits: [
      'tsc: HPET/PMTIMER calibration failed',
      'tsc: No reference (HPET/PMTIMER) available',
      'tsc: Marking TSC unstable due to could not calculate TSC khz',
    ],
    misses: [
      'tsc: HPET/PMTIMER calibration failed. Using PIT calibration.',
      'tsc: Fast TSC calibration failed',
      'tsc: Unable to calibrate against PIT',
    ],
  },
  'tsc-unstable': {
    hits: [
      'tsc: Marking TSC unstable due to TSCs unsynchronized',
      'tsc: Marking TSC unstable due to clocksource watchdog',
    ],
    misses: [
      'tsc: Marking TSC unstable due to boot parameter notsc',
      'tsc: Marking TSC async resets true due to SGI UV4 UVH_EXTIO_INT0',
    ],
  },
  'clocksource-unstable': {
    hits: [
      "clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc-early' as unstable because the skew is too large:",
      'clocksource: timekeeping watchdog on CPU1: hpet read-back delay of 98123ns, attempt 4, marking unstable',
    ],
    misses: [
      'clocksource: timekeeping watchdog on CPU0: tsc retried 2 times before success',
      'clocksource: Switched to clocksource tsc-early',
    ],
  },
  'hpet-disabled': {
    hits: [
      'hpet: Config register invalid. Disabling HPET',
      'hpet: Counter not counting. HPET disabled',
      'hpet: Disabling HPET.',
    ],
    misses: ['hpet: HPET dysfunctional in PC10. Force disabled.', 'hpet0: at MMIO 0xfed00000, IRQs 2, 8, 0'],
  },
  'apic-timer-disabled': {
    hits: [
      'APIC timer disabled due to verification failure',
      'APIC frequency too slow, disabling apic timer',
      'APIC: APIC timer disabled due to verification failure',
    ],
    misses: ['Disabling APIC timer', 'APIC calibration not consistent with PM-Timer: 113ms instead of 100ms'],
  },
  'spurious-lapic-timer': {
    hits: ['Spurious LAPIC timer interrupt on cpu 0', 'APIC: Spurious LAPIC timer interrupt on cpu 0'],
    misses: ['log: Spurious LAPIC timer interrupt on cpu 0', 'spurious 8259A interrupt: IRQ7.'],
  },
  'spurious-interrupt': {
    hits: [
      'Spurious APIC interrupt (vector 0xFF) on CPU#0, should never happen.',
      'Spurious interrupt (vector 0x24) on CPU#0. Acked',
      'APIC: Spurious interrupt (vector 0x24) on CPU#0. Not pending!',
    ],
    misses: ['hpet: Spurious interrupt HPET channel 1', 'spurious 8259A interrupt: IRQ7.'],
  },
  'oom-killer': {
    hits: [
      'kworker/u2:0 invoked oom-killer: gfp_mask=0xcd0(GFP_KERNEL|__GFP_RECLAIMABLE), order=0, oom_score_adj=0',
      'busybox invoked oom-killer: gfp_mask=0x1100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0',
    ],
    misses: [
      'my program says that it invoked oom-killer: gfp_mask=0xcd0',
      'Out of memory and no killable processes...',
    ],
  },
  'oom-kill': {
    hits: [
      'Out of memory: Killed process 77 (makedumpfile) total-vm:1kB, anon-rss:1kB',
      'Out of memory (oom_kill_allocating_task): Killed process 77 (sh) total-vm:1kB',
    ],
    misses: ['Out of memory and no killable processes...', 'app: Out of memory: Killed process 77 (x)'],
  },
  'allocation-failure': {
    hits: ['swapper/0: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP)'],
    misses: [
      'warn_alloc: page allocation stalls',
      'a long quotation of a page: page allocation failure: order:4',
    ],
  },
  'crashkernel-not-reserved': {
    hits: [
      'crashkernel reservation failed - No suitable area found.',
      'crashkernel low reservation failed - No suitable area found.',
      'cannot allocate crashkernel (size:0x40000000)',
      'crashkernel: Memory value expected',
      'crashkernel size resulted in zero bytes',
      'Cannot reserve 72MB crashkernel low memory, please try smaller size.',
    ],
    misses: [
      'Reserving 192MB of memory at 560MB for crashkernel (System RAM: 767MB)',
      'tool: crashkernel reservation failed - No suitable area found.',
      'Command line: crashkernel: x',
    ],
  },
  'initramfs-not-unpacked': {
    hits: [
      'Initramfs unpacking failed: write error',
      'Initramfs unpacking failed: invalid magic at start of compressed archive',
    ],
    misses: ['Trying to unpack rootfs image as initramfs...', 'app: Initramfs unpacking failed: x'],
  },
  'init-not-found': {
    hits: ['check access for rdinit=/nope failed: -2, ignoring'],
    misses: ['check access for rdinit=/nope', 'x: check access for rdinit=/nope failed: -2, ignoring'],
  },
  'dump-started': {
    hits: [
      '[  165.811832] kdump-tools[219]: running makedumpfile -F -c -d 31 /proc/vmcore | compress > /var/crash/202611281020/dump-incomplete.',
      'kdump[644]: saving vmcore',
      'kdump.sh[297]: kdump: saving vmcore',
    ],
    misses: [
      'kdump-tools[219]: running makedumpfile --dump-dmesg /proc/vmcores',
      'kdump[642]: saving vmcore-dmesg.txt to /sysroot/var/crash/1',
      'systemd[1]: kdump[3]: saving vmcore',
      'Copying data                                      : [ 12.3 %] /          eta: 3s',
    ],
  },
  'dump-saved': {
    hits: [
      'kdump: saving vmcore complete',
      'kdump[671]: saving vmcore complete',
      'kdump.sh[297]: kdump: saving vmcore complete',
      'kdump-tools[747]:  * kdump-tools: saved vmcore in /var/crash/202601210724',
      'kdump-tools[844]: kdump-tools: saved vmcore in /var/crash/202012311403.',
      'The dumpfile is saved to /root/var/crash/2024-01-01-10:00/vmcore.',
      'makedumpfile[1]: The dumpfile is saved to /mnt/vmcore.',
    ],
    misses: [
      'kdump-tools[769]: The dumpfile is saved to STDOUT.',
      'kdump.sh[224]: The dumpfile is saved to /sysroot/var/crash/1//vmcore-incomplete.',
      'The dmesg log is saved to /mnt/dmesg.txt.',
      'kdump[642]: saving vmcore-dmesg.txt complete',
      'kdump-tools[747]:  * kdump-tools: saved dmesg content in /var/crash/1',
      'systemd[1]: kdump[3]: saving vmcore complete',
    ],
  },
  'dump-failed': {
    hits: [
      'kdump[513]: saving vmcore failed, exitcode:1',
      'kdump: saving vmcore failed',
      'kdump.sh[511]: makedumpfile Failed.',
      'makedumpfile Failed.',
      'kdump-tools[700]: kdump-tools: failed to save vmcore in /var/crash/1',
    ],
    misses: [
      'kdump[636]: saving vmcore-dmesg.txt failed',
      'kdump-tools[844]: kdump-tools: failed to save dmesg content in /var/crash/1 ... failed!',
      'The makedumpfile operation may be incomplete.',
      'app: saving vmcore failed',
    ],
  },
  'vmcore-not-opened': {
    hits: [
      'kdump.sh[331]: Cannot open /proc/vmcore: No such file or directory',
      "kdump.sh[332]: open_dump_memory: Can't open the dump memory(/proc/vmcore). No such file or directory",
    ],
    misses: ['Cannot open /proc/kcore', "open_dump_memory: Can't open the dump memory(/proc/kcore)."],
  },
  'dump-target-full': {
    hits: [
      "kdump-tools[266]: copy_vmcoreinfo: Can't write the vmcoreinfo file(/tmp/vmcoreinfoqkwqHK). No space left on device",
      "Can't write the dump file(/var/crash/1/dump-incomplete). No space left on device",
      "kdump.sh[511]: write_and_check_space: Can't write the dump file(/x). No space left on device",
      "kdump[7]: cp: error writing '/sysroot/var/crash/vmcore': No space left on device",
    ],
    misses: ["Can't write the dump file(/x). Input/output error", 'rsyslogd: No space left on device'],
  },
  'dump-target-missing': {
    hits: [
      'dracut-initqueue[277]: Warning: dracut-initqueue: timeout, still waiting for following initqueue hooks:',
      'dracut-initqueue[277]: Warning: dracut-initqueue timeout - starting timeout scripts',
      'systemd[1]: Timed out waiting for device /dev/disk/by-uuid/7b1f.',
      'dracut-pre-mount[9]: Warning: /dev/mapper/root does not exist',
    ],
    misses: [
      'dracut-initqueue[300]: Timed out while waiting for udev queue to empty.',
      'systemd[1]: Found device /dev/disk/by-uuid/7b1f.',
    ],
  },
  'kdump-not-armed': {
    hits: [
      'kdumpctl[987]: kdump: No memory reserved for crash kernel',
      'kdumpctl[797]: kdump: Starting kdump: [FAILED]',
      'kdump: kexec: failed to load kdump kernel',
      'Memory for crashkernel is not reserved',
      'kexec_load failed: Operation not permitted',
      'kexec_file_load failed: Key was rejected by service',
      'kdump-tools[600]: kdump-tools: no crashkernel= parameter in the kernel cmdline',
    ],
    misses: ['kdumpctl[797]: kdump: Starting kdump: [OK]', 'kdump: kexec: loaded kdump kernel', 'kexec_load'],
  },
  'purgatory-digest': {
    hits: ['sha256 digests do not match :('],
    misses: ["I'm in purgatory", 'test: sha256 digests do not match :(', 'sha256_digest: 00 39'],
  },
  'kexec-locked-down': {
    hits: [
      'Lockdown: kexec: kexec of unsigned images is restricted; see man kernel_lockdown.7',
      'ima: impossible to appraise a kernel image without a file descriptor; try using kexec_file_load syscall.',
    ],
    misses: [
      'Lockdown: fwupd: /dev/mem,kmem,port is restricted; see man kernel_lockdown.7',
      'Kernel is locked down from EFI Secure Boot; see man kernel_lockdown.7',
    ],
  },
  'hardware-error': {
    hits: [
      '{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 4',
      '[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 162',
    ],
    misses: ['{1}[Hardware Error]: event severity: fatal', 'BERT: Error records from previous boot:'],
  },
  'machine-check': {
    hits: ['mce: [Hardware Error]: CPU 18: Machine Check Exception: 5 Bank 7: be00000001010091'],
    misses: [
      'mce: CPU0: Thermal monitoring enabled (TM1)',
      "mce: [Hardware Error]: Run the above through 'mcelog --ascii'",
    ],
  },
  'vmbus-unload': {
    hits: [
      'hv_vmbus: Waiting for VMBus UNLOAD to complete',
      'hv_vmbus: Continuing even though VMBus UNLOAD did not complete',
    ],
    misses: ['hv_vmbus: Vmbus version:5.3', 'VMBus UNLOAD'],
  },
  'nvme-timeout': {
    hits: [
      'nvme nvme0: I/O 12 QID 0 timeout, completion polled',
      'nvme nvme0: I/O tag 309 (1135) opcode 0x1 (Write) QID 1 timeout, aborting req_op:WRITE(1) size:4096',
    ],
    misses: ['nvme nvme0: Abort status: 0x0', 'nvme nvme0: 4/0/0 default/read/poll queues'],
  },
  'iommu-fault': {
    hits: [
      'DMAR: DRHD: handling fault status reg 2',
      'DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0x7f000000 [fault reason 0x06] PTE Read access is not set',
      'dmar: DMAR:[DMA Write] Request device [02:00.0] fault addr ffff0000',
      'AMD-Vi: Completion-Wait loop timed out',
      'AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x000a address=0x0 flags=0x0000]',
      'nvme 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000a address=0x0 flags=0x0000]',
    ],
    misses: [
      'DMAR: IOMMU enabled',
      'DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR',
      'AMD-Vi: Copied DEV table from previous kernel.',
      'a comment: AMD-Vi: Event logged [IO_PAGE_FAULT',
    ],
  },
  'unknown-nmi': {
    hits: ['Uhhuh. NMI received for unknown reason 20 on CPU 0.'],
    misses: ['NMI received for unknown reason', 'log: Uhhuh. NMI received for unknown reason 20'],
  },
};

void t.test('signatures', async (t) => {
  t.strictSame(Object.keys(EXAMPLES).sort(), SIGNATURES.map(({ name }) => name).sort(), 'each has examples');
  for (const { name, side, source } of SIGNATURES) {
    t.match(
      source,
      /^(arch|drivers|init|kernel|mm|security)\/|^[\w-]+ \d|^dracut, /,
      `${name} names its source`,
    );
    const namesOf = (line: string, from: string = side) => {
      const reader = createConsoleReader();
      if (from === 'capture') [BANNER, CAPTURE_LINE].map((first) => reader.line(first));
      return reader.line(line).flatMap((event) => (event.type === 'signature' ? [event.name] : []));
    };
    for (const hit of EXAMPLES[name]?.hits ?? []) {
      t.strictSame(namesOf(`[    1.000000] ${hit}`), [name], hit);
      t.strictSame(namesOf(hit), [name], `${hit} (no time stamp)`);
      t.strictSame(
        namesOf(hit, side === 'capture' ? 'production' : 'capture'),
        side === 'both' ? [name] : [],
        `${hit} (the other kernel)`,
      );
    }
    for (const miss of EXAMPLES[name]?.misses ?? []) t.strictSame(namesOf(miss), [], miss);
  }
});
