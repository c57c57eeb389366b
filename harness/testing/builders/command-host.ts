/** A host for the tests of the command line: a QEMU that is a script, a kernel without code, directories of their own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { crashpath, type Ended } from '../crashpath-command.js';
import { writeDeadQemu } from '../fakes/qemu.js';
import { writeTree } from '../files.js';
import { MADE_CONFIG, makeBzImage } from './kernels.js';

/** A working directory, a cache and a QEMU of the test's own. */
export interface MadeHost {
  /** The working directory; empty at first. */
  readonly here: string;
  readonly cache: string;
  /** A directory with a made kernel and its config. */
  readonly kernel: string;
  /** Path of the pretended QEMU. */
  readonly qemu: string;
  /** Runs `crashpath` in `here`. */
  crashpath(words: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ended>;
}

/** Makes a host inside the test's directory. */
export async function madeHost(t: Test): Promise<MadeHost> {
  const root = t.testdir({ here: {}, cache: {}, kernel: {}, bin: {} });
  const here = join(root, 'here');
  const cache = join(root, 'cache');
  const kernel = join(root, 'kernel');
  await writeTree(kernel, {
    'vmlinuz-6.1.0-1-amd64': makeBzImage(),
    'config-6.1.0-1-amd64': MADE_CONFIG,
  });
  const qemu = await writeDeadQemu(join(root, 'bin'));
  const own = { CRASHPATH_CACHE: cache, CRASHPATH_QEMU: qemu };
  return {
    here,
    cache,
    kernel,
    qemu,
    crashpath: (words, environment = {}) =>
      crashpath(words, { cwd: here, environment: { ...own, ...environment } }),
  };
}

/** The `run` command line that all these hosts can carry out: every guest ends at once. */
export function runWords(host: MadeHost, ...more: string[]): string[] {
  return ['run', 'sysrq-task', '--kernel', host.kernel, '--accel', 'tcg', ...more];
}

/** Words of each guest that the pretended QEMU was started with, in order. */
export async function guestsOf(host: MadeHost): Promise<string[][]> {
  const text = await readFile(`${host.qemu}.guests`, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\0').slice(0, -1));
}
