import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { keepFile } from '../cache/kept-file.js';

const MAX_TEXT_BYTES = 128 * 1024 * 1024;

/** The text that was read last, with what tells that its file is still the same. */
let latest: { readonly path: string; readonly state: string; readonly text: string } | undefined;

/**
 * A kernel's symbols from an earlier run; undefined when there are none, or they are damaged. The latest text is kept: all
 * runs of a campaign ask for the same one, several times each, and get the same string.
 */
export async function readCachedSymbols(
  directory: string,
  kernelSha256: string,
): Promise<string | undefined> {
  const path = pathOf(directory, kernelSha256);
  try {
    const { ino, size, mtimeMs } = await stat(path);
    const state = `${ino} ${size} ${mtimeMs}`;
    if (latest?.path === path && latest.state === state) return latest.text;
    const bytes = await readFile(path);
    const text = gunzipSync(bytes, { maxOutputLength: MAX_TEXT_BYTES }).toString('latin1');
    latest = { path, state, text };
    return text;
  } catch {
    return undefined;
  }
}

/** Stores a kernel's symbols for later runs. A cache that cannot be written only costs time. */
export async function keepSymbols(directory: string, kernelSha256: string, text: string): Promise<void> {
  // A failure is ignored: the next run reads the symbols again.
  await keepFile(pathOf(directory, kernelSha256), gzipSync(Buffer.from(text, 'latin1')));
}

function pathOf(directory: string, kernelSha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(kernelSha256)) throw new RangeError(`no sha256: "${kernelSha256}"`);
  return join(directory, 'symbols', `${kernelSha256}.kallsyms.gz`);
}
