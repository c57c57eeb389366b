import { basename, join } from 'node:path';
import { treeCommand } from '../kernel/debian/package-tree.js';
import { HOST_COMMAND_LINE, type HostParts } from './host-image.js';
import type { LabPaths } from './lab-directory.js';

/** How an emulator is started: in the lab's directory, with these files in it. */
export interface Emulator {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** Text by file name. */
  readonly files: Readonly<Record<string, string>>;
  /** Files of the cache by their name in the lab's directory: a path may hold what a configuration cannot quote. */
  readonly links: Readonly<Record<string, string>>;
}

/** What decides a command besides the parts. */
interface Setting {
  readonly paths: LabPaths;
  /** Of 127.0.0.1, forwarded to the host's ssh server. */
  readonly port: number;
}

/** The host's address in the network of either emulator; both have it by default. */
const HOST_ADDRESS = '10.0.2.15';
const MEMORY_MIB = 2048;

/**
 * Bochs as an Intel host. Its user network needs no root and reaches nothing but the forwarded port. `sync=slowdown`
 * keeps the host's clock from running ahead of this machine's when the host is idle: without it a second of waiting
 * passes in milliseconds, and every timeout inside expires at once. `ips` is instructions in one second of the host's
 * time; a smaller one makes that second cheaper, and timers relatively more frequent. Debian's build contains the
 * debugger, which starts with a prompt. Its command file continues (`c`), and it ends at the next prompt because stdin
 * is empty.
 */
export function bochs({ tools, disk }: HostParts, { paths, port }: Setting): Emulator {
  const share = join(tools.dir, 'usr/share/bochs');
  return {
    command: [...treeCommand(tools, '/usr/bin/bochs-bin'), '-q', '-f', 'bochsrc', '-rc', 'commands'],
    environment: {
      LTDL_LIBRARY_PATH: join(tools.dir, 'usr/lib/x86_64-linux-gnu/bochs/plugins'),
      BXSHARE: share,
      // A display library must be there; SDL's own dummy needs neither X nor a terminal.
      SDL_VIDEODRIVER: 'dummy',
      SDL_AUDIODRIVER: 'dummy',
      TERM: 'dumb',
    },
    files: {
      commands: 'c\n',
      'slirp.conf': `# slirp config
restricted = 1
hostfwd = tcp:127.0.0.1:${port}-${HOST_ADDRESS}:22
`,
      bochsrc: `cpu: model=corei7_haswell_4770, count=1, ips=200000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=${MEMORY_MIB}, host=${MEMORY_MIB}
romimage: file=bios
vgaromimage: file=vgabios
pci: enabled=1, chipset=i440fx, slot1=e1000
plugin_ctrl: unmapped=1, biosdev=1, serial=1, e1000=1
e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=slirp, script=slirp.conf
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path=disk.img, mode=volatile, journal=redolog, translation=lba
ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
ata1-master: type=cdrom, path=${basename(paths.iso)}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=${basename(paths.serial)}
display_library: sdl2
clock: sync=slowdown, time0=local
panic: action=fatal
error: action=ignore
info: action=ignore
log: bochs.log
magic_break: enabled=0
sound: driver=dummy
speaker: enabled=0
`,
    },
    links: {
      'disk.img': disk,
      bios: join(share, 'BIOS-bochs-latest'),
      vgabios: join(share, 'VGABIOS-lgpl-latest'),
    },
  };
}

/** QEMU's TCG as an AMD host. Limits: docs/kvm-lab.md. */
export function qemuAsAmd(
  { kernel, disk }: HostParts,
  { paths, port, qemu }: Setting & { readonly qemu: string },
): Emulator {
  return {
    command: [
      qemu,
      ...['-machine', 'pc', '-cpu', 'EPYC,+svm,+npt', '-smp', '1', '-m', `${MEMORY_MIB}`],
      ...['-accel', 'tcg,thread=single', '-icount', 'shift=0'],
      ...['-nodefaults', '-display', 'none', '-no-reboot', '-serial', `file:${basename(paths.serial)}`],
      ...['-drive', 'file=disk.img,format=raw,if=ide,snapshot=on'],
      ...['-nic', `user,model=e1000,restrict=on,hostfwd=tcp:127.0.0.1:${port}-${HOST_ADDRESS}:22`],
      ...['-kernel', kernel.bzImage, '-initrd', basename(paths.initrd), '-append', HOST_COMMAND_LINE],
    ],
    environment: {},
    files: {},
    links: { 'disk.img': disk },
  };
}
