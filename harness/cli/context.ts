import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** Root of the package: compiled code sits in dist/cli/. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** `$CRASHPATH_CACHE`, else `$XDG_CACHE_HOME/crashpath`, else `~/.cache/crashpath`. */
export function cacheDirectory(): string {
  const { CRASHPATH_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  if (own !== undefined && own !== '') return resolve(own);
  return join(xdg !== undefined && xdg !== '' ? resolve(xdg) : join(homedir(), '.cache'), 'crashpath');
}

/** Name or path of QEMU: `$CRASHPATH_QEMU` or the one in PATH. */
export function qemuBinary(): string {
  return process.env['CRASHPATH_QEMU'] ?? 'qemu-system-x86_64';
}

/** True when people read this stream in colour (https://no-color.org is honoured). */
export function wantsColor(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR: none } = process.env;
  return stream.isTTY && (none === undefined || none === '');
}

let quiet = false;

/** Silences {@link say}. Errors are not progress: they are always printed. */
export function setQuiet(value: boolean): void {
  quiet = value;
}

/** A progress line for people, on stderr: stdout belongs to results. */
export function say(line: string): void {
  if (!quiet) complain(line);
}

/** A line that must be seen, on stderr. */
export function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}

const Package = z.object({ version: z.string() });

/** crashpath's own version. */
export function version(): string {
  return Package.parse(JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'))).version;
}
