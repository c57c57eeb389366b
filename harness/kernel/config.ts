import { readFile } from 'node:fs/promises';
import { messageOf } from '../model/errno.js';
import { harnessFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';

/** One requirement of a crash kernel: any of the options being `y` fulfils it. */
type Requirement = readonly string[];

/**
 * What a kernel needs built in to be armed by kexec, to be a capture kernel, and to be seen on the serial
 * console (arch/x86/Kconfig, fs/proc/Kconfig, drivers/tty/serial/8250/Kconfig). A module (`m`) is not enough:
 * the console and devtmpfs are needed before any module can be loaded.
 */
const REQUIREMENTS: readonly Requirement[] = [
  ['CONFIG_KEXEC', 'CONFIG_KEXEC_FILE'],
  ['CONFIG_CRASH_DUMP'],
  ['CONFIG_PROC_VMCORE'],
  ['CONFIG_RELOCATABLE'],
  ['CONFIG_SERIAL_8250_CONSOLE'],
  ['CONFIG_BLK_DEV_INITRD'],
  ['CONFIG_DEVTMPFS'],
];

/**
 * Reads a kernel's .config: option name to value (`y`, `m`, `n` for "is not set", a number, or a string without its
 * quotes). Other lines are skipped.
 */
export function parseConfig(text: string): Map<string, string> {
  const config = new Map<string, string>();
  for (const line of text.split('\n')) {
    const set = /^(CONFIG_\w+)=(.*?)\r?$/.exec(line);
    if (set?.[1] !== undefined) {
      config.set(set[1], (set[2] ?? '').replace(/^"(.*)"$/, '$1'));
      continue;
    }
    const unset = /^# (CONFIG_\w+) is not set\r?$/.exec(line);
    if (unset?.[1] !== undefined) config.set(unset[1], 'n');
  }
  return config;
}

/**
 * The options that a kernel lacks to be crashed and captured, by name; alternatives are joined with " or ".
 * Empty when nothing is missing.
 */
export function missingForCrash(config: ReadonlyMap<string, string>): string[] {
  return REQUIREMENTS.filter((options) => !options.some((option) => config.get(option) === 'y')).map(
    (options) => options.join(' or '),
  );
}

/**
 * The configuration of a kernel, when it has a config file; undefined otherwise (one that is embedded in the compressed
 * image is not searched for). A harness Fault when the file cannot be read.
 */
export async function configOf(kernel: Kernel): Promise<Map<string, string> | undefined> {
  if (kernel.config === undefined) return undefined;
  try {
    return parseConfig(await readFile(kernel.config, 'utf8'));
  } catch (error) {
    throw harnessFault(
      `cannot read kernel config "${kernel.config}": ${messageOf(error)}; make it readable or resolve the kernel again`,
      error,
    );
  }
}
