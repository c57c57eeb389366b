import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { listedBytes } from '../../image/contents.js';
import { scratch } from '../files.js';

/** Of the ELF header and the program header, which the listings do not assemble. */
const HEADER_BYTES = 120;
/** Where the program header has p_filesz (elf(5)). */
const FILE_SIZE_AT = 64 + 32;

/** A program of the guests, from its listing in images/init. */
export interface ListedProgram {
  /** An executable file of it, in a directory of the test's own. */
  readonly path: string;
  readonly bytes: Buffer;
  /** What GNU as makes of its source, without the ELF headers; and the same part of the bytes. Hexadecimal. */
  assembled(): Promise<{ readonly wanted: string; readonly found: string }>;
  /** Assembles a changed source: an executable file of it beside `path`. */
  variant(name: string, change: (source: string) => string): Promise<string>;
}

/** Makes a program from its listing, `NAME.hex`. */
export async function listedProgram(
  test: Parameters<typeof scratch>[0],
  name: string,
): Promise<ListedProgram> {
  const listing = fileURLToPath(new URL(`../../../images/init/${name}.hex`, import.meta.url));
  const path = join(await scratch(test), name);
  const text = await readFile(listing, 'utf8');
  const bytes = listedBytes(text, listing);
  await writeFile(path, bytes, { mode: 0o755 });
  return {
    path,
    bytes,
    async assembled() {
      const wanted = (await assemble(path, sourceIn(text))).toString('hex');
      return { wanted, found: bytes.subarray(HEADER_BYTES).toString('hex') };
    },
    async variant(name, change) {
      const file = `${path}-${name}`;
      const code = await assemble(file, change(sourceIn(text)));
      const header = Buffer.from(bytes.subarray(0, HEADER_BYTES));
      header.writeBigUInt64LE(BigInt(HEADER_BYTES + code.length), FILE_SIZE_AT);
      await writeFile(file, Buffer.concat([header, code]), { mode: 0o755 });
      return file;
    },
  };
}

/** What GNU as makes of a source, by way of files beside `path`. */
async function assemble(path: string, source: string): Promise<Buffer> {
  await writeFile(`${path}.s`, `.intel_syntax noprefix\n${source}\n`);
  await execa('as', ['--64', '-o', `${path}.o`, `${path}.s`]);
  await execa('objcopy', ['-O', 'binary', '-j', '.text', `${path}.o`, `${path}.bin`]);
  return readFile(`${path}.bin`);
}

/** The comments of a listing from its first symbol on: instructions behind bytes, labels and symbols on their own. */
function sourceIn(text: string): string {
  const lines = text.split('\n');
  return lines
    .slice(lines.findIndex((line) => line.startsWith('# .set ')))
    .map((line) => {
      const code = /^(?:[0-9a-f]{2} )+ *# (.*)$/.exec(line)?.[1];
      return code ?? /^# (\w+:|\.set .*)$/.exec(line)?.[1] ?? '';
    })
    .join('\n');
}
