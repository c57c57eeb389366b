import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withoutControls } from '../model/escape.js';
import { harnessFault } from '../model/fault.js';

/** Root of the package: compiled code sits in dist/cli/. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Name of QEMU in PATH, or its absolute path when `$CRASHPATH_QEMU` gives one: guests have another directory. */
export function qemuBinary(): string {
  const own = process.env['CRASHPATH_QEMU'] ?? '';
  if (own === '') return 'qemu-system-x86_64';
  return own.includes('/') ? resolve(own) : own;
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

/** A line that must be seen, on stderr; one line whatever it quotes. */
export function complain(line: string): void {
  process.stderr.write(`${withoutControls(line)}\n`);
}

/** crashpath's own version. */
export function version(): string {
  const file = join(PACKAGE_ROOT, 'package.json');
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version);
  throw harnessFault(`cannot read crashpath's version of "${file}": it has none; install crashpath again`);
}
