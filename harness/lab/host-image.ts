import { copyFile, mkdir, open, readFile, truncate } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { publish, withTempDir } from '../cache/cache-directory.js';
import { inCache } from '../cache/cache-fault.js';
import { writeWhole } from '../cache/write-whole.js';
import { packNewc } from '../image/newc.js';
import { type LoadableModule, modulesFor, resolveKernel } from '../kernel/index.js';
import { type PackageTree, packageTree, treeCommand } from '../kernel/debian/package-tree.js';
import { kernelCache } from '../kernel/kernel-cache.js';
import type { KernelOptions } from '../kernel/options.js';
import { runTool } from '../kernel/tool.js';
import { harnessFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { LabPaths } from './lab-directory.js';
import { suiteOfQemu } from './qemu-versions.js';

/** The host's kernel. Its zstd image is unpacked in a fifth of the time that 6.1's xz takes: minutes in an emulator. */
const KERNEL = 'debian:bookworm/6.12';
/** What it needs to reach its disk, its network and KVM. ext4 requests crc32c at run time. */
const MODULES = ['ata_piix', 'sd_mod', 'crc32c_generic', 'ext4', 'overlay', 'e1000', 'kvm_intel', 'kvm_amd'];
/** On the host's disk: QEMU with its firmware, the ssh server, and a userspace. */
const HOST_PACKAGES = ['qemu-system-x86', 'openssh-server', 'busybox-static'];
/** The emulator, and what makes a disk and a CD. The lab was measured with Bochs 2.7 of this suite. */
const TOOL_PACKAGES = [
  'bochs',
  'bochs-sdl',
  'bochsbios',
  'vgabios',
  'isolinux',
  'syslinux-common',
  'xorriso',
  'e2fsprogs',
];
const TOOL_SUITE = 'bookworm';
const TOOL_DEADLINE_MS = 5 * 60_000;
/** Beside the files: metadata of ext4. */
const DISK_SPARE_BYTES = 96 * 1024 * 1024;

/** Words of the host's kernel: nothing on this host is ever in time, and nobody attacks it. */
export const HOST_COMMAND_LINE =
  'console=ttyS0,115200 quiet mitigations=off nowatchdog panic=-1 random.trust_cpu=on rcupdate.rcu_cpu_stall_suppress=1 net.ifnames=0';

/** What every lab is made of, by content. */
export interface HostParts {
  readonly tools: PackageTree;
  readonly host: PackageTree;
  readonly kernel: Kernel;
  /** A disk image with the host's tree, never written to. */
  readonly disk: string;
}

/** Fetches packages and kernel, and makes the disk, unless the cache has them. Throws usage and harness faults. */
export async function hostParts(qemu: string, options: KernelOptions): Promise<HostParts> {
  const tools = await packageTree({ names: TOOL_PACKAGES, suite: TOOL_SUITE }, options);
  const host = await packageTree({ names: HOST_PACKAGES, suite: suiteOfQemu(qemu) }, options);
  const kernel = await resolveKernel(KERNEL, options);
  return { tools, host, kernel, disk: await diskOf(host, tools, options) };
}

/** Makes the lab's initrd and CD, with its keys. */
export async function makeBootMedia(
  paths: LabPaths,
  { kernel, tools, host }: HostParts,
  options: KernelOptions & { readonly packageRoot: string },
): Promise<void> {
  options.onProgress?.("making the host's initrd and CD");
  const scripts = join(options.packageRoot, 'images/lab');
  const modules = await modulesFor(kernel, MODULES);
  const busybox = await readFile(join(host.dir, 'usr/bin/busybox'));
  await inCache(kernelCache(options.cacheDir), async () => {
    const initrd = gzipSync(
      packNewc([
        ...['bin', 'dev', 'disk', 'lab', 'modules', 'proc', 'root', 'sys', 'writable'].map((path) =>
          directory(path),
        ),
        file('bin/busybox', busybox, 0o755),
        file('init', await readFile(join(scripts, 'init')), 0o755),
        file('lab/host', await readFile(join(scripts, 'host')), 0o755),
        file('lab/sshd_config', await readFile(join(scripts, 'sshd_config'))),
        file('lab/host_key', await readFile(paths.hostKey)),
        file('lab/authorized_keys', await readFile(`${paths.key}.pub`)),
        ...modules.map((module, index) => file(moduleFile(module, index), module.bytes)),
      ]),
      { level: 1 },
    );
    await writeWhole(paths.initrd, initrd);
    const cd = join(paths.dir, 'cd');
    await mkdir(join(cd, 'isolinux'), { recursive: true });
    await copyFile(kernel.bzImage, join(cd, 'vmlinuz'));
    await writeWhole(join(cd, 'initrd'), initrd);
    await copyFile(join(tools.dir, 'usr/lib/ISOLINUX/isolinux.bin'), join(cd, 'isolinux/isolinux.bin'));
    await copyFile(
      join(tools.dir, 'usr/lib/syslinux/modules/bios/ldlinux.c32'),
      join(cd, 'isolinux/ldlinux.c32'),
    );
    await writeWhole(join(cd, 'isolinux/isolinux.cfg'), ISOLINUX);
    const boot = ['-b', 'isolinux/isolinux.bin', '-c', 'isolinux/boot.cat', '-no-emul-boot'];
    const form = ['-boot-load-size', '4', '-boot-info-table'];
    const words = ['-as', 'mkisofs', '-quiet', '-o', paths.iso, ...boot, ...form, cd];
    await useTool(tools, ['/usr/bin/xorriso', ...words], options);
  });
}

const ISOLINUX = `default lab
prompt 0
timeout 0
label lab
 kernel /vmlinuz
 append initrd=/initrd ${HOST_COMMAND_LINE}
`;

/** The disk of a tree: its name is the tree's, which is that of its content. */
async function diskOf(host: PackageTree, tools: PackageTree, options: KernelOptions): Promise<string> {
  const place = kernelCache(options.cacheDir);
  const dir = join(resolve(options.cacheDir), 'lab', 'disks', host.dir.split('/').at(-1) ?? '');
  const disk = join(dir, 'disk.img');
  if (await isIntact(disk)) return disk;
  options.onProgress?.("making the host's disk");
  await withTempDir(place, async (temp) => {
    const image = join(temp, 'disk', 'disk.img');
    const size = await bytesUnder(host.dir, options);
    await inCache(place, async () => {
      await mkdir(join(temp, 'disk'));
      await writeWhole(image, '');
      await truncate(image, Math.ceil((size * 1.1 + DISK_SPARE_BYTES) / 2 ** 20) * 2 ** 20);
    });
    // Without root the files belong to this user; the host's root may read them all the same.
    const form = ['-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'root_owner=0:0'];
    await useTool(tools, ['/usr/sbin/mke2fs', ...form, '-d', host.dir, '-F', image], options);
    await publish(place, { from: join(temp, 'disk'), to: dir, isIntact: () => isIntact(disk) });
  });
  return disk;
}

async function bytesUnder(dir: string, options: KernelOptions): Promise<number> {
  const result = await runTool(['du', '-s', '--block-size=1', dir], {
    deadlineMs: TOOL_DEADLINE_MS,
    signal: options.signal,
  });
  if (result.ok) return Number.parseInt(result.stdout, 10);
  throw harnessFault(`cannot measure "${dir}": ${result.why}; make it readable`);
}

async function isIntact(disk: string): Promise<boolean> {
  // The magic of ext4 at byte 0x438 (Documentation/filesystems/ext4/super.rst).
  const magic = Buffer.alloc(2);
  const file = await open(disk).catch(() => undefined);
  await file?.read(magic, 0, 2, 0x438);
  await file?.close();
  return magic.readUInt16LE(0) === 0xef53;
}

async function useTool(
  tools: PackageTree,
  [path, ...args]: readonly [string, ...string[]],
  options: KernelOptions,
): Promise<void> {
  const name = path.split('/').at(-1) ?? path;
  const result = await runTool([...treeCommand(tools, path), ...args], {
    deadlineMs: TOOL_DEADLINE_MS,
    signal: options.signal,
    name,
  });
  if (!result.ok) throw harnessFault(`cannot use "${name}": ${result.why}; check the disk's free space`);
}

const file = (path: string, bytes: Buffer, mode = 0o644) => ({
  entry: { kind: 'file', path, mode } as const,
  bytes,
});

const directory = (path: string) => ({ entry: { kind: 'dir', path, mode: 0o755 } as const });

const moduleFile = (module: LoadableModule, index: number) =>
  `modules/${String(index).padStart(2, '0')}-${module.name}.ko`;
