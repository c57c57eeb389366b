import { type FileHandle, open, stat } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import type { GivenSymbols } from '../autopsy/name-kernels.js';
import { readCachedSymbols } from '../guest/symbol-cache.js';
import { bytesAt } from '../host/bytes-at.js';
import { resolveKernel } from '../kernel/index.js';
import { errnoOf, messageOf, reasonFor } from '../model/errno.js';
import { usageFault } from '../model/fault.js';
import {
  type ElfSection,
  parseKallsyms,
  readSections,
  sectionTable,
  SHT_SYMTAB,
  type SymbolTable,
  symbolsOfElf,
  withoutModules,
} from '../symbols/index.js';
import type { PrepareOptions } from './options.js';

/** A kallsyms text of a large kernel has 15 MB. */
const MOST_TEXT_BYTES = 256 * 1024 * 1024;
/** Symbol table and names of a vmlinux have some 10 MB each. */
const MOST_SECTION_BYTES = 512 * 1024 * 1024;
const BANNER_BYTES = 256;
const GZIP_MAGIC = 0x1f8b;

/** Reads a copy of /proc/kallsyms, or a System.map, also gzipped. Modules are left out: they are elsewhere in each boot. */
export async function readKallsymsFile(path: string): Promise<GivenSymbols> {
  const cannot = `cannot use --kallsyms "${path}"`;
  const bytes = await withFile(path, { cannot, most: MOST_TEXT_BYTES }, (file) => file.readFile());
  let text: string;
  try {
    const plain = bytes.length > 2 && bytes.readUInt16BE(0) === GZIP_MAGIC;
    text = (plain ? gunzipSync(bytes, { maxOutputLength: MOST_TEXT_BYTES }) : bytes).toString('latin1');
  } catch (error) {
    throw usageFault(`${cannot}: its gzip data is damaged; copy it again`, error);
  }
  const parsed = parseKallsyms(withoutModules(text));
  if (parsed.kind === 'hidden') {
    throw usageFault(
      `${cannot}: all its addresses are zero; read /proc/kallsyms as root (kernel.kptr_restrict)`,
    );
  }
  if (parsed.kind === 'empty')
    throw usageFault(`${cannot}: it holds no kernel symbols; give a copy of /proc/kallsyms or a System.map`);
  return { table: parsed.table, release: undefined, from: `--kallsyms ${path}` };
}

/** Reads the symbol table of a vmlinux; debug information is not needed. */
export async function readVmlinux(path: string): Promise<GivenSymbols> {
  const cannot = `cannot use --vmlinux "${path}"`;
  return withFile(path, { cannot }, async (file) => {
    const table = sectionTable(await bytesAt(file, 0, 64));
    if (table === undefined) {
      throw usageFault(`${cannot}: it is no ELF file for x86-64; give the vmlinux, not the bzImage`);
    }
    const sections = readSections(await bytesAt(file, table.offset, table.count * 64));
    const symtab = sections.find(({ type }) => type === SHT_SYMTAB);
    const names = symtab === undefined ? undefined : sections[symtab.link];
    if (symtab === undefined || names === undefined) {
      throw usageFault(
        `${cannot}: it has no symbol table (it is stripped); give the vmlinux of a debug package`,
      );
    }
    if (symtab.size > MOST_SECTION_BYTES || names.size > MOST_SECTION_BYTES)
      throw usageFault(`${cannot}: its symbol table is damaged; get the file again`);
    const symbols = symbolsOfElf(await bytesAt(file, symtab.offset, symtab.size), {
      names: await bytesAt(file, names.offset, names.size),
      sections,
    });
    return {
      table: symbols,
      release: await releaseOf(symbols, { file, sections }),
      from: `--vmlinux ${path}`,
    };
  });
}

/** The symbols of a kernel that crashpath has run, from the cache. */
export async function cachedSymbolsOf(spec: string, options: PrepareOptions): Promise<GivenSymbols> {
  const kernel = await resolveKernel(spec, options);
  const text = await readCachedSymbols(options.cacheDir, kernel.sha256);
  const parsed = text === undefined ? undefined : parseKallsyms(withoutModules(text));
  if (parsed?.kind !== 'symbols') {
    throw usageFault(
      `cannot use --kernel "${spec}": no run has read its symbols yet; leave --kernel out, or run a choreography on it (crashpath run ioapic-lock-held -k ${spec})`,
    );
  }
  return { table: parsed.table, release: kernel.release, from: `--kernel ${spec}` };
}

async function releaseOf(
  symbols: SymbolTable,
  { file, sections }: { readonly file: FileHandle; readonly sections: readonly ElfSection[] },
): Promise<string | undefined> {
  const [banner] = symbols.named('linux_banner');
  const section = sections.find(
    ({ address, size }) =>
      banner !== undefined &&
      address > 0n &&
      banner.address >= address &&
      banner.address < address + BigInt(size),
  );
  if (banner === undefined || section === undefined) return undefined;
  const bytes = await bytesAt(file, section.offset + Number(banner.address - section.address), BANNER_BYTES);
  return /^Linux version ([!-~]{1,128}) \(/.exec(bytes.toString('latin1'))?.[1];
}

async function withFile<T>(
  path: string,
  { cannot, most }: { readonly cannot: string; readonly most?: number },
  use: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const found = await stat(path).catch((error: unknown) => {
    throw usageFault(`${cannot}: ${reasonFor(errnoOf(error)) ?? messageOf(error)}; give another file`, error);
  });
  if (!found.isFile()) throw usageFault(`${cannot}: it is no regular file; give a file`);
  if (most !== undefined && found.size > most)
    throw usageFault(`${cannot}: it has ${found.size} bytes, more than any such file; give another one`);
  const file = await open(path, 'r').catch((error: unknown) => {
    throw usageFault(`${cannot}: ${reasonFor(errnoOf(error)) ?? messageOf(error)}; give another file`, error);
  });
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
