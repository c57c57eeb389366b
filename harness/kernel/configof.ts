import { readFile } from 'node:fs/promises';
import { harnessFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import { parseConfig } from './config.js';
import { messageOf } from '../model/errno.js';

/**
 * The configuration a kernel was built with, when a config file came with it; undefined otherwise (one that is
 * embedded in the compressed image is not looked for). A harness Fault when the file cannot be read.
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
