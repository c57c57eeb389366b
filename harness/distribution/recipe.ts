import { usageFault } from '../model/fault.js';
import { nearest } from '../model/nearest.js';

/** A distribution that crashpath builds. */
export interface Recipe {
  /** `debian:12`. */
  readonly spec: string;
  readonly suite: string;
  /** Packages beside Debian's minimal system; no recommended ones. */
  readonly packages: readonly string[];
  /** MiB of the disk's file system. */
  readonly diskMiB: number;
  /** Answers for debconf. */
  readonly answers: readonly string[];
  /** Files that an administrator might write, before the packages are installed. */
  readonly files: Readonly<Record<string, string>>;
}

/** Those that decide what is dumped, and how: `manifest.json` has their versions. */
export const KDUMP_PACKAGES = ['linux-image-amd64', 'kdump-tools', 'makedumpfile', 'kexec-tools'] as const;

/**
 * kdump-tools as Debian installs it. The initramfs has the modules of this machine's disk only (MODULES=list): one with
 * most modules takes an emulated CPU a minute, and kdump-tools builds its own with `dep`, which cannot be asked for in a
 * chroot; it keeps `list` (kdump-tools 1:1.8.1, /etc/kernel/postinst.d/kdump-tools).
 */
const DEBIAN = {
  packages: [
    ...KDUMP_PACKAGES,
    ...['systemd-sysv', 'udev', 'initramfs-tools', 'e2fsprogs', 'procps', 'zstd'],
  ],
  diskMiB: 2048,
  answers: [
    'kdump-tools kdump-tools/use_kdump boolean true',
    'kexec-tools kexec-tools/load_kexec boolean false',
  ],
  files: {
    '/etc/initramfs-tools/conf.d/crashpath': 'MODULES=list\n',
    '/usr/share/initramfs-tools/modules.d/crashpath': 'virtio_pci\nvirtio_blk\next4\n',
  },
} as const;

const SUITES: Readonly<Record<string, string>> = { 'debian:12': 'bookworm' };

/** The distributions that can be built. */
export const DISTRIBUTIONS = Object.keys(SUITES);

/** The recipe of a distribution. Throws a usage fault for another one. */
export function recipeOf(spec: string): Recipe {
  const suite = Object.hasOwn(SUITES, spec) ? SUITES[spec] : undefined;
  if (suite !== undefined) return { spec, suite, ...DEBIAN };
  const [near] = nearest(spec, DISTRIBUTIONS);
  const hint = near === undefined ? `give ${DISTRIBUTIONS.join(' or ')}` : `did you mean "${near}"?`;
  throw usageFault(`cannot use distribution "${spec}": crashpath has no recipe for it; ${hint}`);
}
