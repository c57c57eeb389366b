import { gunzipSync } from 'node:zlib';

/** Bytes of compressed text in one reply; the guest's limit on a reply's output is 64 KiB. */
const PIECE_BYTES = 60 * 1024;
/** A distribution kernel's /proc/kallsyms has about 10 MB, 1 to 3 MB compressed (measured: 0.8 MB on Debian 6.1). */
const MAX_COMPRESSED_BYTES = 16 * 1024 * 1024;
const MAX_TEXT_BYTES = 128 * 1024 * 1024;

/** Runs a script in the guest and returns its output; undefined when it failed. */
export type RunScript = (script: string, what: string) => Promise<Buffer | undefined>;

/** The script that packs the guest's symbols for {@link readPackedKallsyms}. */
export const PACK_KALLSYMS = 'gzip -1 -c /proc/kallsyms >/tmp/kallsyms.gz';

/**
 * Reads the guest's /proc/kallsyms through the control channel, compressed, in pieces (about 4 s under TCG). Undefined
 * when the guest has none, or sends invalid data.
 */
export async function readKallsyms(run: RunScript): Promise<string | undefined> {
  return (await run(PACK_KALLSYMS, 'packing kallsyms')) && readPackedKallsyms(run);
}

/** Reads what {@link PACK_KALLSYMS} has packed; undefined when that is missing or invalid. */
export async function readPackedKallsyms(run: RunScript): Promise<string | undefined> {
  const said = await run('wc -c </tmp/kallsyms.gz', 'packing kallsyms');
  const size = Number(said?.toString('latin1').trim());
  if (!Number.isInteger(size) || size <= 0 || size > MAX_COMPRESSED_BYTES) return undefined;
  const pieces: Buffer[] = [];
  for (let piece = 0; piece * PIECE_BYTES < size; piece++) {
    const bytes = await run(
      `dd if=/tmp/kallsyms.gz bs=${PIECE_BYTES} skip=${piece} count=1 2>/dev/null`,
      'reading kallsyms',
    );
    if (bytes === undefined) return undefined;
    pieces.push(bytes);
  }
  try {
    return gunzipSync(Buffer.concat(pieces), { maxOutputLength: MAX_TEXT_BYTES }).toString('latin1');
  } catch {
    return undefined;
  }
}

/** This boot's lines of a few symbols, for relocating a text of an earlier boot (about 1 s under TCG). */
export async function probeKallsyms(run: RunScript, symbols: readonly string[]): Promise<string | undefined> {
  const pattern = symbols.join('\\|');
  return (await run(`grep ' \\(${pattern}\\)$' /proc/kallsyms`, 'probing kallsyms'))?.toString('latin1');
}
