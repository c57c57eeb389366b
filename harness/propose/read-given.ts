import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import type { Autopsy } from '../model/autopsy.js';
import { errnoOf, messageOf, reasonFor } from '../model/errno.js';
import { Fault, usageFault } from '../model/fault.js';
import type { CpuStack } from '../stacks/cpu-stack.js';
import { autopsyInJson, stacksOfAutopsy, stacksOfRun } from '../stacks/from-autopsy.js';
import { readStacks } from '../stacks/read-stacks.js';
import { findRun } from '../store/campaign-directory.js';
import { readHostFacts } from '../store/read-recording.js';

/** Longest text, bytes: a console's log of a day. */
const MOST_BYTES = 32 * 1024 * 1024;

/** Stacks that a proposal is made from. */
export interface Given {
  /** Their file's or run's name, without directories. */
  readonly origin: string;
  readonly stacks: readonly CpuStack[];
  readonly autopsy: Autopsy | undefined;
}

/**
 * Reads stacks from a text file, from `-` (`stdin`), from an autopsy in JSON, or from a run: its directory, or its name in
 * `outDirectory`. Throws a usage fault for what cannot be read and for a text without a stack.
 */
export async function readGiven(
  reference: string,
  { outDirectory, stdin }: { outDirectory: string; stdin: Readable },
): Promise<Given> {
  const bytes = reference === '-' ? await readStdin(stdin) : await readText(reference);
  const given = bytes === undefined ? await ofRun(reference, outDirectory) : ofText(reference, bytes);
  if (given.stacks.length > 0) return given;
  throw usageFault(
    `cannot propose from "${reference}": no stack of a CPU is in it; give a kernel log with call traces, the output of crash, gdb or drgn, a mail, a run or an autopsy (docs/propose.md)`,
  );
}

async function ofRun(reference: string, outDirectory: string): Promise<Given> {
  const directory = await findRun(reference, outDirectory).catch((error: unknown) => {
    throw usageFault(
      `cannot propose from "${reference}": it is neither a file nor a run in "${outDirectory}"; name one, or - for standard input`,
      error,
    );
  });
  return { origin: basename(directory), ...stacksOfRun(await readHostFacts(directory)) };
}

function ofText(reference: string, bytes: Buffer): Given {
  const origin = reference === '-' ? 'standard input' : basename(reference);
  const refuse = (why: string, remedy: string) =>
    usageFault(`cannot propose from "${reference}": ${why}; ${remedy}`);
  if (
    bytes.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b])) ||
    bytes.subarray(0, 6).equals(XZ) ||
    bytes.subarray(0, 4).equals(ZSTD)
  )
    throw refuse('it is compressed', `decompress it, e.g. zcat FILE | crashpath propose -`);
  // UTF-16 of a mail program, a dump, an image.
  if (bytes.subarray(0, 65_536).filter((byte) => byte === 0).length > 64)
    throw refuse('it is no text', 'give a text, or autopsy a dump with crashpath autopsy first');
  const text = bytes.toString('utf8');
  const autopsy = autopsyInJson(text);
  return { origin, autopsy, stacks: autopsy === undefined ? readStacks(text) : stacksOfAutopsy(autopsy) };
}

const XZ = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

async function readStdin(stdin: Readable): Promise<Buffer> {
  const bounded = async function* (): AsyncGenerator<Buffer> {
    let size = 0;
    for await (const chunk of stdin) {
      const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      size += bytes.length;
      if (size > MOST_BYTES) throw tooLong('-', size);
      yield bytes;
    }
  };
  return buffer(bounded());
}

/** The bytes of a file; undefined for a directory, or when there is no such file: it may be the name of a run. */
async function readText(path: string): Promise<Buffer | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return undefined;
    // Opening a FIFO blocks until it has a writer, and a device may never end.
    if (!found.isFile())
      throw usageFault(`cannot propose from "${path}": it is not a file; pipe it into crashpath propose -`);
    if (found.size > MOST_BYTES) throw tooLong(path, found.size);
    return await readFile(path);
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (errnoOf(error) === 'ENOENT' && !path.includes('/')) return undefined;
    const why = reasonFor(errnoOf(error)) ?? messageOf(error);
    throw usageFault(`cannot propose from "${path}": ${why}; name a readable file, a run or -`, error);
  }
}

function tooLong(reference: string, size: number): Fault {
  return usageFault(
    `cannot propose from "${reference}": it has ${size} bytes or more, and ${MOST_BYTES} are the most; cut out the part with the stacks`,
  );
}
