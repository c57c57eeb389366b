import { type GuestSpec, SYSTEM_DISK } from '../../plan/guest-spec.js';
import { diskArguments } from './disk.js';
import { boardArguments, firmwareArguments, translated, virtioMemArguments } from './hardware.js';
import { nicArguments } from './nic.js';

/** Names inside a run directory that the command line refers to. */
export const RUN_FILES = {
  /** QEMU adds `.in` and `.out` (qemu-options.hx, -chardev pipe). */
  consolePipe: 'console',
  controlPipe: 'control',
  qmpSocket: 'qmp.sock',
  gdbSocket: 'gdb.sock',
  qtestSocket: 'qtest.sock',
  /** A template's state goes out, a clone's comes in. */
  saveSocket: 'save.sock',
  loadSocket: 'load.sock',
  qemuLog: 'qemu-debug.log',
  /** A piece of guest memory, while it is read. */
  memory: 'memory.part',
  /** The guest's own disk, and its UEFI variables. */
  disk: 'disk.raw',
  uefiVariables: 'uefi-variables.fd',
  /** The disk on which the capture kernel writes its dump, and QEMU's own dump; both in makedumpfile's flattened form. */
  vmcoreDisk: 'vmcore.disk',
  dump: 'vmcore.part',
  /** A distribution's disk, as this run writes to it. */
  systemDisk: SYSTEM_DISK,
} as const;

/**
 * QEMU's arguments for one guest, as data. Serial 0 is the console under test, serial 1 the control channel; both are
 * FIFOs that crashpath makes before QEMU starts, so that no byte is lost (see openUartChannel()). Sockets, FIFOs and
 * the log are relative to the run directory, which is QEMU's working directory: a Unix socket's path may have 107 bytes
 * at most (unix(7)). A reset stops the guest instead of restarting it and a shutdown pauses it, so that a dead guest
 * can still be inspected (`-action`, QEMU 6.0 and later). `-d cpu_reset` names a triple fault in the log (TCG only;
 * QEMU 7.2).
 */
export function qemuArguments(guest: GuestSpec): string[] {
  return [
    ['-name', guest.name],
    ['-nodefaults'],
    ['-no-user-config'],
    ['-display', 'none'],
    ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ['-accel', guest.accel === 'tcg' ? 'tcg,thread=multi' : 'kvm'],
    ...boardArguments(guest),
    ...firmwareArguments(guest.uefiCode, RUN_FILES.uefiVariables),
    ['-kernel', guest.bzImage],
    ['-initrd', guest.initrd],
    ['-append', guest.append],
    ['-chardev', `pipe,id=console,path=${RUN_FILES.consolePipe}`],
    ['-serial', 'chardev:console'],
    ['-chardev', `pipe,id=control,path=${RUN_FILES.controlPipe}`],
    // microvm makes one UART by itself (QEMU 7.2, hw/i386/microvm.c); the second one is a device there.
    isMicrovm(guest.machine)
      ? ['-device', 'isa-serial,index=1,chardev=control']
      : ['-serial', 'chardev:control'],
    ['-chardev', `socket,id=qmp,path=${RUN_FILES.qmpSocket},server=on,wait=off`],
    // -mon is deprecated (QEMU 11.1); -qmp takes a chardev in 7.2 as well (monitor/monitor.c, monitor_parse()).
    ['-qmp', 'chardev:qmp'],
    ['-chardev', `socket,id=gdb,path=${RUN_FILES.gdbSocket},server=on,wait=off`],
    ['-gdb', 'chardev:gdb'],
    ...nicArguments(guest.nic, translated(guest)),
    ...diskArguments(guest.disk, { file: RUN_FILES.disk, properties: translated(guest) }),
    ...virtioMemArguments(guest),
    ...(guest.qtest
      ? [
          ['-chardev', `socket,id=qtest,path=${RUN_FILES.qtestSocket},server=on,wait=off`],
          ['-qtest', 'chardev:qtest'],
          ['-qtest-log', 'none'],
        ]
      : []),
    // Last, so that the other devices keep their slots. The serial number names it to the capture kernel's init. A full
    // disk of the host is an error of the guest's write; QEMU would stop the guest.
    ...(guest.vmcoreDisk === true
      ? [
          ['-drive', `if=none,id=vmcore,format=raw,werror=report,file=${RUN_FILES.vmcoreDisk}`],
          ['-device', 'virtio-blk-pci,drive=vmcore,serial=crashpath-vmcore'],
        ]
      : []),
    // The host's page cache is enough: QEMU outlives its guest, and the disk is read on this host.
    ...(guest.systemDisk === true
      ? [
          ['-drive', `if=none,id=system,format=raw,cache=unsafe,werror=report,file=${RUN_FILES.systemDisk}`],
          ['-device', 'virtio-blk-pci,drive=system'],
        ]
      : []),
    ['-action', 'reboot=shutdown,shutdown=pause,panic=none'],
    ['-d', 'cpu_reset'],
    ['-D', RUN_FILES.qemuLog],
  ].flat();
}

function isMicrovm(machine: string): boolean {
  return /^(type=)?microvm(,|$)/.test(machine);
}
