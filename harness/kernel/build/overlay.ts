import { copyFile, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withTempDir } from '../../cache/cache-directory.js';
import { cacheFaultInText, inCache } from '../../cache/cache-fault.js';
import { kernelCache } from '../kernel-cache.js';
import { errnoOf } from '../../model/errno.js';
import { harnessFault, usageFault } from '../../model/fault.js';
import type { KernelOptions } from '../options.js';
import { cleanLine, runTool } from '../tool.js';
import { filesInPatch, firstPatchFailure } from './patch-text.js';
import type { Variant } from './variants.js';

/** 90,000 links take 2 s, copies of as many files 30 s; a busy disk is slower. */
const COPY_DEADLINE_MS = 15 * 60_000;
const PATCH_DEADLINE_MS = 60_000;

/**
 * Copies a source tree by hard links, without its entry `except`; by copies where the file system has no links.
 * Nothing may write to a file of the copy in place: patch(1) and make do not.
 */
export async function linkTree(
  from: string,
  to: string,
  { except, ...options }: KernelOptions & { readonly except?: string | undefined },
): Promise<void> {
  await mkdir(to, { recursive: true });
  const names = (await readdir(from)).filter((name) => name !== except).map((name) => join(from, name));
  const limits = { deadlineMs: COPY_DEADLINE_MS, signal: options.signal };
  const linked = await runTool(['cp', '-al', '-t', to, '--', ...names], limits);
  if (linked.ok) return;
  const copied = await runTool(['cp', '-a', '--reflink=auto', '-t', to, '--', ...names], limits);
  if (!copied.ok) throw copyFault(to, copied, options);
}

/**
 * Copies a build directory with its times, from which make decides what is up to date. The build system of tools/
 * stores commands with absolute paths; these are rewritten to the copy. Otherwise objtool would be built again, and
 * with it every object that it has checked.
 */
export async function copyBuild(from: string, to: string, options: KernelOptions): Promise<void> {
  const copied = await runTool(['cp', '-a', '--reflink=auto', '-T', '--', from, to], {
    deadlineMs: COPY_DEADLINE_MS,
    signal: options.signal,
  });
  if (!copied.ok) throw copyFault(to, copied, options);
  // Kbuild names directories by realpath, and the source by the directory above.
  const [before, after] = [dirname(await realpath(from)), dirname(await realpath(to))];
  const tools = join(to, 'tools');
  const names = await readdir(tools, { recursive: true }).catch(() => []);
  await inCache(kernelCache(options.cacheDir), async () => {
    for (const name of names.filter((file) => /\.(cmd|d)$/.test(file))) {
      const text = await readFile(join(tools, name), 'utf8');
      if (text.includes(before)) await writeFile(join(tools, name), text.replaceAll(before, after));
    }
  });
}

/**
 * Tries a patch on copies of the files that it names. A usage Fault that names the first hunk which does not
 * apply: found in a second, before anything is built.
 */
export async function tryPatch(
  src: string,
  variant: Variant,
  options: KernelOptions & { readonly what: string },
): Promise<void> {
  if (variant.patch === undefined) return;
  const { text } = variant.patch;
  await withTempDir(kernelCache(options.cacheDir), async (dir) => {
    for (const name of filesInPatch(text)) {
      await mkdir(dirname(join(dir, name)), { recursive: true });
      await copyFile(join(src, name), join(dir, name)).catch((error: unknown) => {
        const code = errnoOf(error);
        // A new file; patch reports a file that should exist.
        if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
      });
    }
    await applyPatch(dir, variant, options);
  });
}

/**
 * Applies a variant's patches, with offsets but without fuzz: a hunk whose context changed may have another meaning now. A
 * usage Fault that names the first hunk which does not apply.
 */
export async function applyPatch(
  src: string,
  variant: Variant,
  options: KernelOptions & { readonly what: string },
): Promise<void> {
  for (const path of variant.patch?.paths ?? []) await applyFile(src, { path, variant }, options);
}

async function applyFile(
  src: string,
  { path, variant }: { readonly path: string; readonly variant: Variant },
  { what, ...options }: KernelOptions & { readonly what: string },
): Promise<void> {
  const flags = ['-p1', '--batch', '--forward', '--fuzz=0', '--no-backup-if-mismatch', '--reject-file=-'];
  const lines: string[] = [];
  const applied = await runTool(['patch', ...flags, '-d', src, '-i', path], {
    deadlineMs: PATCH_DEADLINE_MS,
    signal: options.signal,
    lines: { from: 'stdout', each: (line) => lines.push(line) },
  });
  if (applied.ok) return;
  const full = cacheFaultInText(kernelCache(options.cacheDir), applied.stderr);
  if (full !== undefined) throw full;
  const why = firstPatchFailure([...lines, ...applied.stderr.split('\n')].join('\n')) ?? applied.why;
  const known =
    variant.appliesTo === 'any' || variant.appliesTo.length === 0
      ? 'adapt the patch to this source'
      : `adapt the patch, or build from a series that it is known to apply to (${variant.appliesTo.join(', ')})`;
  throw usageFault(`cannot apply patch "${path}" to Linux ${what}: ${cleanLine(why)}; ${known}`);
}

function copyFault(to: string, failure: { why: string; stderr: string }, options: KernelOptions): Error {
  return (
    cacheFaultInText(kernelCache(options.cacheDir), failure.stderr) ??
    harnessFault(`cannot copy a source tree to "${to}": ${failure.why}; make room in the cache`)
  );
}
