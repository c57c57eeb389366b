/** A file format that is no text, known by its first bytes. */
export interface FileKind {
  readonly what: string;
  readonly remedy: string;
}

const DECOMPRESS = (program: string) => `${program} -dc LOG | crashpath read -`;
const DUMP =
  'a dump is no log: take its log with makedumpfile --dump-dmesg LOG FILE, or crash and its command log';
const TEXT = 'give the text that a serial console, netconsole or dmesg printed';

/** First bytes (latin1) of files that are given by mistake. */
const KINDS: readonly (readonly [start: string, kind: FileKind])[] = [
  ['\x7fELF', { what: 'it is an ELF file', remedy: DUMP }],
  ['KDUMP   ', { what: 'it is a kdump-compressed dump', remedy: DUMP }],
  ['makedumpfile\0', { what: 'it is a flattened dump', remedy: DUMP }],
  [
    'LPKSHHRH',
    {
      what: "it is a file of systemd's journal",
      remedy: 'journalctl -o short-monotonic -k --file LOG | crashpath read -',
    },
  ],
  ['\xfd7zXZ\0', { what: 'it is compressed with xz', remedy: DECOMPRESS('xz') }],
  ['\x28\xb5\x2f\xfd', { what: 'it is compressed with zstd', remedy: DECOMPRESS('zstd') }],
  ['BZh', { what: 'it is compressed with bzip2', remedy: DECOMPRESS('bzip2') }],
  ['\x04\x22\x4d\x18', { what: 'it is compressed with lz4', remedy: DECOMPRESS('lz4') }],
  ['PK\x03\x04', { what: 'it is a zip archive', remedy: 'unzip -p LOG | crashpath read -' }],
  ['\x89PNG', { what: 'it is a PNG image', remedy: TEXT }],
  ['\xff\xd8\xff', { what: 'it is a JPEG image', remedy: TEXT }],
  ['GIF8', { what: 'it is a GIF image', remedy: TEXT }],
  ['%PDF', { what: 'it is a PDF document', remedy: TEXT }],
  ['QFI\xfb', { what: 'it is a disk image', remedy: TEXT }],
  ['SQLite format 3\0', { what: 'it is a SQLite database', remedy: TEXT }],
  ['MZ', { what: 'it is a kernel or a program', remedy: TEXT }],
];

/** The kind of a file that cannot be a log; undefined for anything else. Pure. */
export function fileKind(start: Buffer): FileKind | undefined {
  const text = start.subarray(0, 16).toString('latin1');
  return KINDS.find(([magic]) => text.startsWith(magic))?.[1];
}

/** Whether bytes are compressed with gzip (RFC 1952). */
export function isGzip(start: Buffer): boolean {
  return start[0] === 0x1f && start[1] === 0x8b;
}
