import { gunzipSync } from 'node:zlib';

/** Bytes of compressed text in one reply; the guest's limit on a reply's output is 64 KiB. */
const PIECE_BYTES = 60 * 1024;
/** A distribution kernel's /proc/kallsyms has about 10 MB, 1 to 3 MB compressed (measured: 0.8 MB on Debian 6.1). */
const MAX_COMPRESSED_BYTES = 16 * 1024 * 1024;
const MAX_TEXT_BYTES = 128 * 1024 * 1024;
/** How long the guest waits for growth in one request, and how many such requests in a row may see none. */
const LOOK_S = 20;
const LOOK_EVERY_US = 200_000;
const MOST_STILL = 5;

/** Runs a script in the guest and returns its output; undefined when it failed. */
export type RunScript = (script: string, what: string) => Promise<Buffer | undefined>;

/** The text of /proc/kallsyms, or why there is none. */
export type KallsymsRead = { readonly text: string } | { readonly missing: string };

/**
 * Reads the guest's /proc/kallsyms through the control channel, compressed, in pieces (about 4 s under TCG, minutes on a
 * busy host). The guest packs in the background, so that each request ends soon: what `run` bounds is one piece.
 */
export async function readKallsyms(run: RunScript): Promise<KallsymsRead> {
  const size = await pack(run);
  if (typeof size === 'string') return { missing: size };
  const pieces: Buffer[] = [];
  const count = Math.ceil(size / PIECE_BYTES);
  for (let piece = 0; piece < count; piece++) {
    const bytes = await run(
      `dd if=/tmp/kallsyms.gz bs=${PIECE_BYTES} skip=${piece} count=1 2>/dev/null`,
      `reading the kernel's symbols, piece ${piece + 1} of ${count}`,
    );
    if (bytes === undefined) return { missing: `piece ${piece + 1} of ${count} could not be read` };
    pieces.push(bytes);
  }
  try {
    return {
      text: gunzipSync(Buffer.concat(pieces), { maxOutputLength: MAX_TEXT_BYTES }).toString('latin1'),
    };
  } catch {
    return { missing: 'the packed /proc/kallsyms is damaged' };
  }
}

/** Packs /proc/kallsyms into /tmp/kallsyms.gz. The size in bytes, or why there is none. */
async function pack(run: RunScript): Promise<number | string> {
  const begun = await run(
    '[ -r /proc/kallsyms ] || exit 1; rm -f /tmp/kallsyms.end; : >/tmp/kallsyms.gz; { gzip -1 -c /proc/kallsyms >/tmp/kallsyms.gz; echo $? >/tmp/kallsyms.end; } >/dev/null 2>&1 &',
    "packing the kernel's symbols",
  );
  if (begun === undefined) return 'no /proc/kallsyms (CONFIG_KALLSYMS)';
  let packed = 0;
  let still = 0;
  while (still < MOST_STILL) {
    const said = await run(
      `now() { cut -d. -f1 /proc/uptime; }; until=$(($(now) + ${LOOK_S})); while [ ! -s /tmp/kallsyms.end ] && [ "$(wc -c </tmp/kallsyms.gz)" -le ${packed} ] && [ "$(now)" -lt $until ]; do usleep ${LOOK_EVERY_US}; done; echo "$(cat /tmp/kallsyms.end) $(wc -c </tmp/kallsyms.gz)"`,
      `packing the kernel's symbols, ${packed >> 10} KiB so far`,
    );
    // The status is read before the size: the file is complete then.
    const [, end, bytes] = /^(\d{0,3}) (\d{1,12})\s*$/.exec(lastLine(said)) ?? [];
    const size = Number(bytes);
    if (bytes === undefined || size > MAX_COMPRESSED_BYTES) return 'the guest does not pack /proc/kallsyms';
    if (end === '0') return size > 0 ? size : 'no /proc/kallsyms (CONFIG_KALLSYMS)';
    if (end !== '') return `packing /proc/kallsyms failed with status ${end}`;
    still = size > packed ? 0 : still + 1;
    packed = size;
  }
  return `packing /proc/kallsyms stands still at ${packed} bytes`;
}

/** The guest's shell writes complaints into the same output, before. */
function lastLine(output: Buffer | undefined): string {
  return output?.toString('latin1').trimEnd().split('\n').at(-1) ?? '';
}

/** Symbols of which any one boot of an image tells the offset. */
export interface ProbeNames {
  /** Looked for in /proc/kallsyms. */
  readonly kallsyms: readonly string[];
  /** Looked for in VMCOREINFO. */
  readonly vmcoreinfo: readonly string[];
}

/** Fewer show no offset; see `relocateKallsyms()`. */
const FEWEST_PROBES = 3;

/**
 * This boot's lines of a few symbols, for relocating a text of an earlier boot. They are read from the VMCOREINFO note in
 * the first pages of /proc/kcore (fs/proc/kcore.c, read_kcore(), v4.19 and later), which costs nothing. A kernel without
 * it is asked for the lines of /proc/kallsyms: that formats 150,000 lines, 1 s under TCG and 17 to 64 s under an emulated
 * KVM host (measured).
 */
export async function probeKallsyms(run: RunScript, names: ProbeNames): Promise<string | undefined> {
  const what = "finding the kernel's symbols";
  const note = await run(
    "dd if=/proc/kcore bs=4096 count=8 2>/dev/null | tr '\\0' '\\n' | grep '^SYMBOL('",
    what,
  );
  const lines = vmcoreinfoLines(note?.toString('latin1') ?? '', new Set(names.vmcoreinfo));
  if (lines.length >= FEWEST_PROBES) return `${lines.join('\n')}\n`;
  const pattern = names.kallsyms.join('\\|');
  return (await run(`grep ' \\(${pattern}\\)$' /proc/kallsyms`, what))?.toString('latin1');
}

/** `SYMBOL(init_uts_ns)=ffffffff8321a5c0` as a line of kallsyms. */
function vmcoreinfoLines(note: string, names: ReadonlySet<string>): string[] {
  return [...note.matchAll(/^SYMBOL\((\w{1,64})\)=([0-9a-f]{16})$/gm)].flatMap(
    ([, name = '', address = '']) => (names.has(name) ? [`${address} T ${name}`] : []),
  );
}
