/** A host for the tests of the command line: a QEMU that is a script, a kernel without code, directories of their own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { crashpathInProcess } from '../command-in-process.js';
import { crashpath, type Ended, type Start } from '../crashpath-command.js';
import { writeDeadQemu } from '../fakes/qemu.js';
import { writeTree } from '../files.js';
import { MADE_CONFIG, makeBzImage } from './kernels.js';

type RunWords = (words: readonly string[], environment?: Readonly<Record<string, string>>) => Promise<Ended>;

/** A working directory, a cache and a QEMU of the test's own. */
export interface MadeHost {
  /** The working directory; empty at first. */
  readonly here: string;
  readonly cache: string;
  /** A directory with a made kernel and its config. */
  readonly kernel: string;
  /** Path of the pretended QEMU. */
  readonly qemu: string;
  /** Carries out `crashpath` in `here`, without a process of its own. */
  readonly crashpath: RunWords;
  /** Runs `crashpath` in `here` as its users do, in a process of its own. */
  readonly process: RunWords;
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
  const inHost = (environment: Readonly<Record<string, string>> = {}): Start => ({
    cwd: here,
    environment: { CRASHPATH_CACHE: cache, CRASHPATH_QEMU: qemu, ...environment },
  });
  return {
    here,
    cache,
    kernel,
    qemu,
    crashpath: (words, environment) => crashpathInProcess(words, inHost(environment)),
    process: (words, environment) => crashpath(words, inHost(environment)),
  };
}

/** The `run` command line for these hosts: every guest ends at once. */
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
