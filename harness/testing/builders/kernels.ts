/** Small kernels, modules and packages: enough of their headers to be read, and no code. */
import { join } from 'node:path';
import { execa } from 'execa';
import { writeTree } from '../files.js';

export interface MadeImage {
  /** First word of the version string; empty for none. */
  readonly release?: string;
  readonly protocol?: number;
  readonly bits?: 32 | 64;
  readonly loadedHigh?: boolean;
}

/** A boot protocol header with a version string behind it, and no kernel. */
export function makeBzImage(image: MadeImage = {}): Buffer {
  const { release = '6.1.0-1-amd64', protocol = 0x020f, bits = 64, loadedHigh = true } = image;
  const bytes = Buffer.alloc(4096);
  bytes.write('MZ', 0, 'latin1');
  bytes.writeUInt8(7, 0x1f1);
  bytes.writeUInt16LE(0xaa55, 0x1fe);
  bytes.write('HdrS', 0x202, 'latin1');
  bytes.writeUInt16LE(protocol, 0x206);
  bytes.writeUInt8(loadedHigh ? 1 : 0, 0x211);
  bytes.writeUInt16LE(bits === 64 ? 1 : 0, 0x236);
  if (release !== '') {
    bytes.writeUInt16LE(0x400 - 0x200, 0x20e);
    bytes.write(`${release} (builder@host) #1 SMP\0`, 0x400, 'latin1');
  }
  return bytes;
}

/** An ELF file with `.modinfo` and section names, as `ld -r` lays it out, and nothing else. */
export function makeModule(depends: readonly string[], bits: 32 | 64 = 64): Buffer {
  const modinfo = Buffer.from(`license=GPL\0depends=${depends.join(',')}\0name=made\0`, 'latin1');
  const names = Buffer.from('\0.modinfo\0.shstrtab\0', 'latin1');
  const header = Buffer.alloc(64);
  const table = 64 + modinfo.length + names.length;
  const places: [name: number, offset: number, length: number][] = [
    [0, 0, 0],
    [1, 64, modinfo.length],
    [10, 64 + modinfo.length, names.length],
  ];
  if (bits === 32) {
    header.write('\x7fELF\x01\x01\x01', 0, 'latin1');
    header.writeUInt32LE(table, 0x20);
    for (const [index, value] of [40, 3, 2].entries()) header.writeUInt16LE(value, 0x2e + 2 * index);
    return Buffer.concat([header, modinfo, names, ...places.map((place) => makeSection32(...place))]);
  }
  header.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  header.writeBigUInt64LE(BigInt(table), 0x28);
  for (const [index, value] of [64, 3, 2].entries()) header.writeUInt16LE(value, 0x3a + 2 * index);
  return Buffer.concat([header, modinfo, names, ...places.map((place) => makeSection(...place))]);
}

function makeSection32(name: number, offset: number, length: number): Buffer {
  const section = Buffer.alloc(40);
  section.writeUInt32LE(name, 0);
  section.writeUInt32LE(offset, 0x10);
  section.writeUInt32LE(length, 0x14);
  return section;
}

function makeSection(name: number, offset: number, length: number): Buffer {
  const section = Buffer.alloc(64);
  section.writeUInt32LE(name, 0);
  section.writeBigUInt64LE(BigInt(offset), 0x18);
  section.writeBigUInt64LE(BigInt(length), 0x20);
  return section;
}

/** A config with everything that a crash needs. */
export const MADE_CONFIG = `${[
  'KEXEC',
  'CRASH_DUMP',
  'PROC_VMCORE',
  'RELOCATABLE',
  'SERIAL_8250_CONSOLE',
  'BLK_DEV_INITRD',
  'DEVTMPFS',
  'MODULES',
]
  .map((name) => `CONFIG_${name}=y`)
  .join('\n')}\n`;

export interface MadeDeb {
  /** Package name, `linux-image-6.1.0-1-amd64`. */
  readonly name: string;
  readonly version: string;
  /** Files of the package; default a kernel of that release with a config and one module. */
  readonly files?: Readonly<Record<string, string | Buffer>> | undefined;
  /** Debian's name; default amd64. */
  readonly architecture?: string;
}

/** Builds a package in `dir` with dpkg-deb and returns its path. */
export async function makeDeb(
  dir: string,
  { name, version, files, architecture = 'amd64' }: MadeDeb,
): Promise<string> {
  const release = name.replace(/^linux-image-/, '');
  const root = join(dir, `${name}_${version}`);
  await writeTree(root, {
    'DEBIAN/control': `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: nobody <nobody@example.invalid>\nDescription: made for a test\n`,
    ...(files ?? {
      [`boot/vmlinuz-${release}`]: makeBzImage({ release }),
      [`boot/config-${release}`]: MADE_CONFIG,
      [`lib/modules/${release}/kernel/one.ko`]: makeModule([]),
      'usr/share/doc/copyright': 'not kept\n',
    }),
  });
  const path = join(dir, `${name}_${version}_amd64.deb`);
  await execa('dpkg-deb', ['--build', '--root-owner-group', '-Zgzip', '-z1', root, path], {
    // The same package has the same bytes whenever it is built.
    env: { SOURCE_DATE_EPOCH: '1' },
  });
  return path;
}
