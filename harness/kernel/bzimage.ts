/**
 * The fields of a bzImage's x86 boot protocol header that crashpath needs. Offsets are those of
 * Documentation/arch/x86/boot.rst ("The Real-Mode Kernel Header").
 */

/** The header ends below this offset; the version string may lie anywhere in the setup sectors after it. */
const HEADER_END = 0x238;
const SECTOR_BYTES = 512;
/** `setup_sects` is one byte, so the real-mode part, which holds the version string, is never longer. */
export const SETUP_MAX_BYTES = 256 * SECTOR_BYTES;
const LOADED_HIGH = 1;
const XLF_KERNEL_64 = 1;
/** arch/x86/include/uapi/asm/bootparam.h (v5.3); older kernels have it clear. */
const XLF_5LEVEL_ENABLED = 1 << 6;
/** `xloadflags` exists since boot protocol 2.12 (Linux 3.8); before that the word width is not stated. */
const PROTOCOL_WITH_XLOADFLAGS = 0x020c;
/** `syssize` has 4 bytes since boot protocol 2.04 (Linux 2.6.14). */
const PROTOCOL_WITH_SYSSIZE = 0x0204;
/** A release becomes part of path names (`lib/modules/<release>`): no separators, no leading dot. */
const RELEASE = /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}$/;

/** The kind of a file, by its first bytes. */
export type ImageKind =
  | {
      readonly kind: 'bzimage';
      /** First word of the kernel's version string; absent when the header has none or it is not printable. */
      readonly release?: string | undefined;
      /** Boot protocol, major in the high byte: 0x020f is 2.15. */
      readonly protocol: number;
      /** Word width of the kernel; absent when the protocol is older than that field. */
      readonly bits?: 32 | 64 | undefined;
      /**
       * It is built for five-level page tables, and may be entered with CR4.LA57 set; absent when the protocol is older
       * than that field.
       */
      readonly fiveLevels?: boolean | undefined;
      /** The least size of the whole file, bytes: a signature may follow. */
      readonly leastBytes: number;
    }
  | {
      readonly kind: 'other';
      /** For people: `an ELF file (a vmlinux?)`. */
      readonly what: string;
      /** The remedy. */
      readonly remedy: string;
    };

/** True for a text that is a valid kernel release and safe in path names. */
export function isRelease(text: string): boolean {
  return RELEASE.test(text);
}

/** Reads the header of a kernel image from the first bytes of a file (`SETUP_MAX_BYTES` suffice). Never throws. */
export function parseImage(head: Buffer): ImageKind {
  if (!hasSetupHeader(head)) return { kind: 'other', ...describe(head) };
  if ((head.readUInt8(0x211) & LOADED_HIGH) === 0) {
    return {
      kind: 'other',
      what: 'a zImage (loads below 1 MiB)',
      remedy: 'build the kernel with `make bzImage`',
    };
  }
  const protocol = head.readUInt16LE(0x206);
  return {
    kind: 'bzimage',
    release: releaseIn(head),
    protocol,
    bits: bitsOf(head, protocol),
    fiveLevels: flagOf(head, { protocol, flag: XLF_5LEVEL_ENABLED }),
    leastBytes: leastBytesOf(head, protocol),
  };
}

/** The real-mode part, the boot sector included, and `syssize`, which counts paragraphs of 16 bytes. */
function leastBytesOf(head: Buffer, protocol: number): number {
  const paragraphs = protocol < PROTOCOL_WITH_SYSSIZE ? 0 : head.readUInt32LE(0x1f4);
  return (setupSectorsOf(head) + 1) * SECTOR_BYTES + paragraphs * 16;
}

/** `setup_sects`; 0 means 4. */
function setupSectorsOf(head: Buffer): number {
  return head.readUInt8(0x1f1) || 4;
}

function hasSetupHeader(head: Buffer): boolean {
  return (
    head.length >= HEADER_END &&
    head.readUInt16LE(0x1fe) === 0xaa55 &&
    head.toString('latin1', 0x202, 0x206) === 'HdrS'
  );
}

function bitsOf(head: Buffer, protocol: number): 32 | 64 | undefined {
  const is64 = flagOf(head, { protocol, flag: XLF_KERNEL_64 });
  return is64 === undefined ? undefined : is64 ? 64 : 32;
}

function flagOf(
  head: Buffer,
  { protocol, flag }: { readonly protocol: number; readonly flag: number },
): boolean | undefined {
  return protocol < PROTOCOL_WITH_XLOADFLAGS ? undefined : (head.readUInt16LE(0x236) & flag) !== 0;
}

function releaseIn(head: Buffer): string | undefined {
  const word = /^\S*/.exec(versionIn(head) ?? '')?.[0] ?? '';
  return isRelease(word) ? word : undefined;
}

/**
 * The whole version string of a bzImage's head, latin1: release, builder and date; undefined when it has none.
 * `kernel_version` points at it, less 0x200; zero means that there is none.
 */
export function versionIn(head: Buffer): string | undefined {
  if (!hasSetupHeader(head)) return undefined;
  const pointer = head.readUInt16LE(0x20e);
  if (pointer === 0 || pointer >= setupSectorsOf(head) * SECTOR_BYTES) return undefined;
  const start = pointer + 0x200;
  return /^[^\0]*/.exec(head.toString('latin1', start, start + SECTOR_BYTES))?.[0];
}

const GIVE_BZIMAGE = 'give the bzImage (arch/x86/boot/bzImage of a build tree, or /boot/vmlinuz-*)';

const MAGICS: readonly (readonly [magic: string, what: string, remedy: string])[] = [
  ['\x7fELF', 'an ELF file (a vmlinux?)', GIVE_BZIMAGE],
  ['\x1f\x8b', 'gzip data', `decompress it first, or ${GIVE_BZIMAGE}`],
  ['\xfd7zXZ\0', 'xz data', `decompress it first, or ${GIVE_BZIMAGE}`],
  ['\x28\xb5\x2f\xfd', 'zstd data', `decompress it first, or ${GIVE_BZIMAGE}`],
  ['BZh', 'bzip2 data', `decompress it first, or ${GIVE_BZIMAGE}`],
  ['!<arch>\n', 'an ar archive', 'give a Debian package a name that ends in .deb'],
  ['\xed\xab\xee\xdb', 'an rpm package', 'give it a name that ends in .rpm'],
  ['070701', 'a cpio archive (an initramfs?)', GIVE_BZIMAGE],
  ['QFI\xfb', 'a qcow2 disk image', GIVE_BZIMAGE],
];

function describe(head: Buffer): { what: string; remedy: string } {
  if (head.length === 0) return { what: 'an empty file', remedy: GIVE_BZIMAGE };
  const start = head.toString('latin1', 0, 16);
  for (const [magic, what, remedy] of MAGICS) {
    if (start.startsWith(magic)) return { what, remedy };
  }
  if (head.length >= 0x3c && head.toString('latin1', 0x38, 0x3c) === 'ARMd') {
    return { what: 'an arm64 kernel Image', remedy: 'crashpath runs x86-64 guests: give an x86 bzImage' };
  }
  if (start.startsWith('MZ'))
    return { what: 'an EFI program without a Linux boot header', remedy: GIVE_BZIMAGE };
  if (head.length < HEADER_END) return { what: `a file of only ${head.length} bytes`, remedy: GIVE_BZIMAGE };
  return { what: 'a file without the Linux boot header (no "HdrS" at 0x202)', remedy: GIVE_BZIMAGE };
}
