import type { GivenSymbols } from '../../autopsy/name-kernels.js';
import type { Autopsy } from '../../model/autopsy.js';
import { cachedSymbolsOf, readKallsymsFile, readVmlinux } from '../../prepare/symbol-files.js';
import { print, prepareOptions, say, wantsColor } from '../context.js';
import type { AutopsyOptions } from '../words/autopsy.js';

/** Prints an autopsy, for people or as JSON. */
export async function printAutopsy(autopsy: Autopsy, { json }: { readonly json: boolean }): Promise<void> {
  if (json) {
    print(`${JSON.stringify(autopsy)}\n`);
    return;
  }
  const { autopsyText } = await import('../../report/autopsy-text.js');
  print(autopsyText(autopsy, { color: wantsColor(process.stdout) }));
}

/** The symbols that the options name; undefined when they name none. */
export async function givenSymbols(
  options: Pick<AutopsyOptions, 'kallsyms' | 'vmlinux' | 'kernel'>,
): Promise<GivenSymbols | undefined> {
  if (options.kallsyms !== undefined) return readKallsymsFile(options.kallsyms);
  if (options.vmlinux !== undefined) return readVmlinux(options.vmlinux);
  return options.kernel === undefined ? undefined : cachedSymbolsOf(options.kernel, prepareOptions());
}

/** After this time a line tells what is done. */
const QUIET_MS = 5000;
const MIB = 1024 * 1024;

/** Reports what is being read, when it takes long. */
export function readingProgress(): (bytes: number) => void {
  const started = performance.now();
  let said = 0;
  return (bytes) => {
    const now = performance.now() - started;
    if (now - said < QUIET_MS) return;
    said = now;
    say(`reading the kernel's image: ${Math.round(bytes / MIB)} MiB`);
  };
}

/** `texts` without what does not fit. */
export function bounded(texts: readonly string[], most: number): string[] {
  return texts.length <= most
    ? [...texts]
    : [...texts.slice(0, most - 1), `and ${texts.length - most + 1} more`];
}
