import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withoutControls } from '../model/escape.js';
import { harnessFault } from '../model/fault.js';
import type { PrepareOptions, ShippedFiles } from '../prepare/options.js';
import { cacheDirectory } from './directories.js';
import type { LiveScreen } from './live-screen.js';

/** Root of the package: compiled code sits in dist/cli/. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The scenarios and machine profiles that crashpath ships. */
export const SHIPPED: ShippedFiles = { packageRoot: PACKAGE_ROOT };

/** Name of QEMU in PATH, or its absolute path when `$CRASHPATH_QEMU` is a path: QEMU's working directory differs. */
export function qemuBinary(): string {
  const own = process.env['CRASHPATH_QEMU'] ?? '';
  if (own === '') return 'qemu-system-x86_64';
  return own.includes('/') ? resolve(own) : own;
}

/** QEMU on the hosts of `--host`: a name in PATH there, or the absolute path in `$CRASHPATH_HOST_QEMU`. */
export function hostQemuBinary(): string {
  const own = process.env['CRASHPATH_HOST_QEMU'] ?? '';
  return own === '' ? 'qemu-system-x86_64' : own;
}

/** The cache, and progress on stderr: for everything that fetches or builds. Throws as {@link cacheDirectory} does. */
export function cacheOptions(): Pick<PrepareOptions, 'cacheDir' | 'onProgress'> {
  return { cacheDir: cacheDirectory(), onProgress: say };
}

/** Settings of this host for preparing runs. Throws as {@link cacheDirectory} does. */
export function prepareOptions(): PrepareOptions {
  return { ...cacheOptions(), ...SHIPPED, qemuBinary: qemuBinary() };
}

/** Whether to colour output on this stream: on a terminal, unless NO_COLOR is set (https://no-color.org). */
export function wantsColor(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR: none } = process.env;
  return stream.isTTY && (none === undefined || none === '');
}

/** Whether block characters can be shown there: on a terminal with a UTF-8 locale; the kernel's own has no such glyphs. */
export function wantsBlocks(stream: NodeJS.WriteStream): boolean {
  const { LC_ALL, LC_CTYPE, LANG, TERM } = process.env;
  // The first that is set decides (locale(7)).
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '') ?? '';
  return stream.isTTY && /utf-?8/i.test(locale) && TERM !== 'dumb' && TERM !== 'linux';
}

let quiet = false;

let screen: LiveScreen | undefined;

/** Lines that are drawn in place from now on; undefined: none. Everything that is printed appears above them. */
export function setScreen(value: LiveScreen | undefined): void {
  screen = value;
}

/** Whether {@link say} is silent. */
export function isQuiet(): boolean {
  return quiet;
}

/** Prints results, on stdout. */
export function print(text: string): void {
  const write = () => process.stdout.write(text);
  if (screen === undefined) write();
  else screen.above(write);
}

/** Silences {@link say}. Errors are not progress: they are always printed. */
export function setQuiet(value: boolean): void {
  quiet = value;
}

/** A progress line for people, on stderr: stdout belongs to results. */
export function say(line: string): void {
  if (!quiet) complain(line);
}

/** A line on stderr that --quiet does not silence; line breaks in it are replaced. */
export function complain(line: string): void {
  const write = () => process.stderr.write(`${withoutControls(line)}\n`);
  if (screen === undefined) write();
  else screen.above(write);
}

/** crashpath's own version. */
export function version(): string {
  const file = join(PACKAGE_ROOT, 'package.json');
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version);
  throw harnessFault(`cannot read crashpath's version of "${file}": it has none; install crashpath again`);
}
