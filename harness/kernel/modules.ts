import { execa } from 'execa';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { harnessFault, usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { nearest } from '../model/nearest.js';
import { parseConfig } from './config.js';
import { errnoOf, messageOf } from '../model/errno.js';
import { dependenciesOf, isModuleFile, moduleName } from './module-info.js';

/** A module, ready for init_module(2). */
export interface LoadableModule {
  /** Normalised name (`_`, never `-`). */
  readonly name: string;
  /** The uncompressed ELF file. */
  readonly bytes: Buffer;
}

/** The largest module of a Debian kernel has 14 MB; with debug symbols ten times that. */
const MODULE_MAX_BYTES = 512 * 1024 * 1024;
const DECOMPRESS_DEADLINE_MS = 60_000;
/** depmod's default order: modules of the administrator take precedence over those of the kernel. */
const PRECEDENCE = ['updates', 'extra', 'kernel'];
const inflate = promisify(gunzip);

interface ModuleTree {
  readonly kernel: Kernel;
  /** Absolute path by normalised name. */
  readonly files: ReadonlyMap<string, string>;
  /** Normalised names of built-in modules. */
  readonly builtin: ReadonlySet<string>;
}

/**
 * The named modules of a kernel with everything they depend on, in the order in which to load them, each once. Names
 * may have `-` or `_`. Built-in modules are left out; so is everything when the kernel is configured without modules.
 * Only hard dependencies are followed: modules that another one requests at run time (`crc32c` for ext4) must be named.
 * Faults: usage for a module that the kernel does not have, harness for one that cannot be read.
 */
export async function modulesFor(kernel: Kernel, names: readonly string[]): Promise<LoadableModule[]> {
  if (names.length === 0) return [];
  if (kernel.modulesDir === undefined) {
    if (await isWithoutModules(kernel)) return [];
    throw usageFault(
      `cannot load module "${names[0]}" into kernel ${kernel.label}: no lib/modules/${kernel.release} came with it; give a directory with vmlinuz-* and lib/modules, packages that hold them too, or a kernel whose config (next to it) has CONFIG_MODULES off`,
    );
  }
  const tree = await readTree(kernel, kernel.modulesDir);
  const loaded = new Map<string, LoadableModule>();
  for (const name of names) await load(tree, moduleName(name), { loaded, path: [] });
  return [...loaded.values()];
}

/** Depth first, so that a module comes after its dependencies. `path` is the chain of modules that need it. */
async function load(
  tree: ModuleTree,
  name: string,
  { loaded, path }: { loaded: Map<string, LoadableModule>; path: readonly string[] },
): Promise<void> {
  if (loaded.has(name)) return;
  const chain = [...path, name];
  if (path.includes(name)) {
    throw harnessFault(
      `cannot order modules of kernel ${tree.kernel.label} "${name}": they need each other (${chain.join(' > ')}); give an intact lib/modules`,
    );
  }
  const file = tree.files.get(name);
  if (file === undefined) {
    if (tree.builtin.has(name)) return;
    throw unknownModule(tree, name, path.at(-1));
  }
  const bytes = await readModule(file);
  for (const needed of namesNeeded(bytes, file)) await load(tree, needed, { loaded, path: chain });
  loaded.set(name, { name, bytes });
}

function namesNeeded(bytes: Buffer, file: string): string[] {
  try {
    return dependenciesOf(bytes);
  } catch (error) {
    throw harnessFault(
      `cannot read module "${file}": ${messageOf(error)}; remove the kernel from the cache, or give an intact lib/modules`,
      error,
    );
  }
}

async function readTree(kernel: Kernel, modulesDir: string): Promise<ModuleTree> {
  const files = new Map<string, string>();
  for (const part of PRECEDENCE) {
    for (const entry of await filesUnder(join(modulesDir, part))) {
      const name = moduleName(entry);
      if (!files.has(name)) files.set(name, entry);
    }
  }
  const builtin = await readFile(join(modulesDir, 'modules.builtin'), 'utf8').catch(() => '');
  return { kernel, files, builtin: new Set(builtin.split('\n').filter(Boolean).map(moduleName)) };
}

async function filesUnder(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && isModuleFile(entry.name))
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw harnessFault(`cannot read modules "${dir}": ${messageOf(error)}; make it readable`, error);
  }
}

async function readModule(file: string): Promise<Buffer> {
  try {
    const raw = await readFile(file);
    if (file.endsWith('.ko')) return raw;
    if (file.endsWith('.gz')) return await inflate(raw, { maxOutputLength: MODULE_MAX_BYTES });
    return await decompressWith(file.endsWith('.xz') ? 'xz' : 'zstd', raw);
  } catch (error) {
    const tool = file.endsWith('.xz') ? 'xz-utils' : 'zstd';
    const remedy =
      errnoOf(error) === 'ENOENT'
        ? `install ${tool}`
        : 'remove the kernel from the cache, or give an intact one';
    throw harnessFault(`cannot read module "${file}": ${messageOf(error)}; ${remedy}`, error);
  }
}

/** Node 20 has neither xz nor zstd. */
async function decompressWith(tool: 'xz' | 'zstd', raw: Buffer): Promise<Buffer> {
  const result = await execa(tool, ['-dc'], {
    input: raw,
    encoding: 'buffer',
    maxBuffer: MODULE_MAX_BYTES,
    timeout: DECOMPRESS_DEADLINE_MS,
  });
  return Buffer.from(result.stdout.buffer, result.stdout.byteOffset, result.stdout.byteLength);
}

async function isWithoutModules(kernel: Kernel): Promise<boolean> {
  if (kernel.config === undefined) return false;
  const config = parseConfig(await readFile(kernel.config, 'utf8').catch(() => ''));
  return config.size > 0 && config.get('CONFIG_MODULES') !== 'y';
}

function unknownModule(tree: ModuleTree, name: string, neededBy: string | undefined): Error {
  if (neededBy !== undefined) {
    return harnessFault(
      `cannot load module "${neededBy}" into kernel ${tree.kernel.label}: it needs ${name}, which lib/modules/${tree.kernel.release} does not hold; give an intact lib/modules`,
    );
  }
  const known = [...tree.files.keys()].sort((a, b) => a.localeCompare(b));
  const near = nearest(name, known, { howeverFar: true });
  return usageFault(
    `cannot load module "${name}" into kernel ${tree.kernel.label}: the kernel has no such module; nearest names: ${near.join(', ') || 'none, its module tree is empty'}`,
  );
}
