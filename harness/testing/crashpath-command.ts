/** The command `crashpath` as its users start it: a process of its own. */
import { join } from 'node:path';
import { execa } from 'execa';
import { PACKAGE_ROOT } from '../cli/context.js';
import { type RunResult, RunResultSchema } from '../model/result.js';

/** Kernels that the guest tests run; any spec works. */
export const KERNELS = {
  six1: process.env['CRASHPATH_TEST_KERNEL'] ?? 'debian:6.1',
  six12: process.env['CRASHPATH_TEST_KERNEL_2'] ?? 'debian:6.12',
} as const;

const MAIN = join(PACKAGE_ROOT, 'dist/cli/main.js');
/** Longest life of a crashpath process in a test. */
const LIFETIME_MS = 900_000;

/** How a crashpath process ended. */
export interface Ended {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where and how it is started. */
export interface Start {
  readonly cwd?: string;
  /** Variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * The command line of crashpath. Without NODE_OPTIONS: the test runner's hooks would be loaded into the process, which
 * takes four times as long as crashpath (0.8 s of CPU instead of 0.2 s for `--version`). `env` cannot remove it,
 * because the hooks of this process add it again.
 */
export const CRASHPATH: readonly [string, ...string[]] = [
  'env',
  '-u',
  'NODE_OPTIONS',
  process.execPath,
  MAIN,
];

/** Starts the command; `reject` is off, so that exit codes can be checked. */
export function start(words: readonly string[], { cwd, environment = {} }: Start = {}) {
  const [program, ...before] = CRASHPATH;
  return execa(program, [...before, ...words], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { NO_COLOR: '1', ...environment },
    reject: false,
    stdin: 'ignore',
    stripFinalNewline: false,
    timeout: LIFETIME_MS,
    killSignal: 'SIGKILL',
  });
}

/** Runs the command to its end. */
export async function crashpath(words: readonly string[], options: Start = {}): Promise<Ended> {
  const { exitCode, stdout, stderr } = await start(words, options);
  return { exitCode, stdout, stderr };
}

/** The results that `--json` printed; a line that is not a result fails the test by throwing. */
export function resultsOf(stdout: string): RunResult[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => RunResultSchema.parse(JSON.parse(line)));
}
