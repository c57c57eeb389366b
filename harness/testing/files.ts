/** Directories and files that tests make for themselves. */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/** The part of a test that a directory needs: its end. */
interface Ends {
  teardown(handler: () => unknown): unknown;
}

/**
 * A directory of the test's own below the host's directory for temporary files, removed when the test ends. For uses
 * where `t.testdir()` is too deep (a Unix socket's path has at most 107 bytes) or inside the repository.
 */
export async function scratch(test: Ends): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'crashpath-test-'));
  test.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The same for fakes, which outlive no test: removed on dispose. */
export async function scratchDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'crashpath-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Writes files below a directory, which is made: relative path to content. */
export async function writeTree(
  directory: string,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
}

/** Everything below a directory, relative paths in order. */
export async function treeOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.map((entry) => relative(directory, join(entry.parentPath, entry.name))).sort();
}

/** Writes a shell script that can be executed, and its directory; returns its path. */
export async function writeProgram(file: string, script: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}`);
  await chmod(file, 0o755);
  return file;
}
