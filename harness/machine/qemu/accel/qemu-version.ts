import { harnessFault } from '../../../model/fault.js';
import { type AskOptions, askQemu } from './ask-qemu.js';
import { foldLine } from '../../../model/escape.js';

/** A QEMU's version as it prints it. */
export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
  /** Everything after `QEMU emulator version`, with the distribution's revision. */
  readonly text: string;
}

/** The version in the output of `qemu-system-x86_64 --version`, or undefined when it holds none. Pure. */
export function parseQemuVersion(output: string): QemuVersion | undefined {
  const match = /^QEMU emulator version ((\d{1,4})\.(\d{1,4})\.(\d{1,4})[^\n]*)/m.exec(output);
  if (match === null) return undefined;
  const [, text = '', major, minor, micro] = match;
  return { major: Number(major), minor: Number(minor), micro: Number(micro), text: foldLine(text) };
}

/**
 * Asks a QEMU for its version. Throws a harness Fault when the binary is missing (naming the Debian package),
 * does not answer within 10 s, or prints no version.
 */
export async function qemuVersion(binary: string, options: AskOptions = {}): Promise<QemuVersion> {
  const output = await askQemu(binary, ['--version'], options);
  const version = parseQemuVersion(output);
  if (version !== undefined) return version;
  throw harnessFault(
    `cannot read the version of "${binary}": it printed "${foldLine(output)}"; name a qemu-system-x86_64`,
  );
}
