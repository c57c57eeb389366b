import { kernelMessage } from './printk.js';
import type { Signature } from './signature.js';

/**
 * How programs name themselves on a console: `kdump[636]: `, `kdump.sh[297]: kdump: `, `kdump-tools[844]:  * `, behind
 * the kernel's time stamp when they print through /dev/kmsg.
 */
const PROGRAM = String.raw`(?:(?:kdump|kdumpctl|kdump\.sh|kdump-tools|kdump-config|dracut-pre-pivot|makedumpfile)(?:\[\d{1,10}\])?: ? ?(?:\* )?)`;

/** A line that the dump's userspace prints, with its own name, with the name of a script in it, or with none. */
function programMessage(message: string): RegExp {
  return kernelMessage(`${PROGRAM}{0,2}(?:${message})`);
}

/**
 * Messages around the dump that are no kernel's: the services that load the crash kernel and those that save the dump.
 * They report, and prove nothing: none of these rows changes a verdict of a run.
 */
export const SERVICE_SIGNATURES: readonly Signature[] = [
  {
    name: 'dump-started',
    pattern: programMessage(String.raw`running makedumpfile \S.{0,256} /proc/vmcore(?!\S)|saving vmcore\s*$`),
    side: 'capture',
    degrades: false,
    source:
      'kdump-tools 1:1.8.1, kdump-config, kdump_save_core(); kdump-utils 1.0, dracut/99kdumpbase/kdump.sh, dump_fs()',
  },
  {
    name: 'dump-saved',
    pattern: programMessage(
      String.raw`saving vmcore complete|(?:kdump-tools: )?saved vmcore in \S+|The dumpfile is saved to (?!STDOUT|\S{0,512}-incomplete\.)\S{1,512}\.`,
    ),
    side: 'capture',
    degrades: false,
    source:
      'kdump-utils 1.0, dracut/99kdumpbase/kdump.sh, dump_fs(); kdump-tools 1:1.8, kdump-config, kdump_save_core(); makedumpfile 1.7, makedumpfile.c, main()',
  },
  {
    name: 'dump-failed',
    pattern: programMessage(
      String.raw`saving vmcore failed|makedumpfile Failed\.|(?:kdump-tools: )?failed to save vmcore`,
    ),
    side: 'capture',
    degrades: false,
    source:
      'kdump-utils 1.0, dracut/99kdumpbase/kdump.sh, dump_fs(); makedumpfile 1.7, makedumpfile.c, main(); kdump-tools 1:1.8, kdump-config',
  },
  {
    name: 'vmcore-not-opened',
    pattern: programMessage(
      String.raw`Cannot open /proc/vmcore|open_dump_memory: Can't open the dump memory\(/proc/vmcore\)`,
    ),
    side: 'capture',
    degrades: false,
    source: 'kdump-utils 1.0, vmcore-dmesg; makedumpfile 1.7, makedumpfile.c, open_dump_memory()',
  },
  {
    name: 'dump-target-full',
    pattern: programMessage(
      String.raw`(?:\w+: )?Can't write the (?:dump|vmcoreinfo) file\(.{0,256}\)\. No space left on device|cp: error writing .{0,256}: No space left on device`,
    ),
    side: 'capture',
    degrades: false,
    source: 'makedumpfile 1.7, makedumpfile.c, write_buffer(); coreutils, cp',
  },
  {
    name: 'dump-target-missing',
    pattern: kernelMessage(
      String.raw`dracut-initqueue(?:\[\d{1,10}\])?: (?:Warning: )?dracut-initqueue:? timeout|systemd\[1\]: Timed out waiting for device |\[ ?TIME ?\] Timed out waiting for device |dracut(?:-[\w-]{1,32})?(?:\[\d{1,10}\])?: Warning: /dev/\S{1,256} does not exist`,
    ),
    side: 'capture',
    degrades: false,
    source: 'dracut, modules.d/99base/dracut-initqueue.sh; systemd, src/core/device.c',
  },
  {
    name: 'kdump-not-armed',
    pattern: programMessage(
      String.raw`(?:kdump: )?(?:No memory reserved for crash kernel|Starting kdump: \[FAILED\]|kexec: failed to load kdump kernel)|(?:kdump-tools: )?(?:failed to load kdump kernel|no crashkernel= parameter in the kernel cmdline)|Memory for crashkernel is not reserved|kexec_(?:file_)?load failed: .{1,64}`,
    ),
    side: 'production',
    degrades: false,
    source:
      'kdump-utils 1.0, kdumpctl, check_crash_mem_reserved(); kdump-tools 1:1.8, kdump-config; kexec-tools 2.0.25, kexec/kexec.c',
  },
  {
    name: 'purgatory-digest',
    pattern: kernelMessage(String.raw`sha256 digests do not match :\(`),
    side: 'production',
    degrades: false,
    source:
      'kexec-tools 2.0.25, purgatory/purgatory.c, verify_sha256_digest(); it loops for ever behind that',
  },
];

/** Messages of kernels about hardware, hypervisors and policies that keep a dump from being made. */
export const PLATFORM_SIGNATURES: readonly Signature[] = [
  {
    name: 'kexec-locked-down',
    pattern: kernelMessage(
      String.raw`Lockdown: .{1,15}: kexec of unsigned images is restricted|ima: impossible to appraise a kernel image without a file descriptor|kexec_file: (?:kernel signature verification failed|Enforced kernel signature verification failed)`,
    ),
    side: 'production',
    degrades: false,
    source:
      'security/lockdown/lockdown.c, lockdown_is_locked_down(); security/integrity/ima/ima_main.c; kernel/kexec_file.c (v6.1)',
  },
  {
    name: 'hardware-error',
    pattern: kernelMessage(
      String.raw`(?:\{\d{1,10}\})?\[Hardware Error\]: Hardware error from APEI Generic Hardware Error Source: \d+`,
    ),
    side: 'both',
    degrades: false,
    source: 'drivers/acpi/apei/ghes.c, __ghes_print_estatus() (v6.1)',
  },
  {
    name: 'machine-check',
    pattern: kernelMessage(String.raw`mce: \[Hardware Error\]: CPU \d+: Machine Check`),
    side: 'both',
    degrades: false,
    source: 'arch/x86/kernel/cpu/mce/core.c, __print_mce() (v6.1)',
  },
  {
    name: 'vmbus-unload',
    pattern: kernelMessage(
      'hv_vmbus: (?:Waiting for VMBus UNLOAD to complete|Continuing even though VMBus UNLOAD did not complete)',
    ),
    side: 'production',
    degrades: false,
    source: 'drivers/hv/channel_mgmt.c, vmbus_wait_for_unload() (v6.1)',
  },
  {
    name: 'nvme-timeout',
    pattern: kernelMessage(String.raw`nvme nvme\d+: I/O (?:tag )?\d+ .{0,64}QID \d+ timeout`),
    side: 'capture',
    degrades: false,
    source: 'drivers/nvme/host/pci.c, nvme_timeout() (v6.1, v6.12)',
  },
  {
    name: 'iommu-fault',
    pattern: kernelMessage(
      String.raw`(?:DMAR|dmar): (?:DRHD: handling fault status reg|(?:DMAR:)?\[DMA (?:Read|Write)[^\]]{0,32}\] Request device)|AMD-Vi: Completion-Wait loop timed out|(?:\S{1,64} [0-9a-f]{4}:[0-9a-f:.]{7} ?: )?AMD-Vi: Event logged \[IO_PAGE_FAULT`,
    ),
    side: 'capture',
    degrades: false,
    source:
      'drivers/iommu/intel/dmar.c, dmar_fault(), dmar_fault_do_one() (v6.1; "dmar: DMAR:" in v3.10); drivers/iommu/amd/iommu.c, wait_on_sem(), amd_iommu_report_page_fault() (v6.1)',
  },
];
