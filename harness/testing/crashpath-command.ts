import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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

/** How a crashpath process ended. */
export interface Ended {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the command as its users do; `reject` is off, so that exit codes can be looked at. */
export function start(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  return execa(process.execPath, [MAIN, ...words], {
    reject: false,
    stdin: 'ignore',
    env: { NO_COLOR: '1', ...environment },
    timeout: 900_000,
    killSignal: 'SIGKILL',
  });
}

/** Runs the command to its end. */
export async function crashpath(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const { exitCode, stdout, stderr } = await start(words, environment);
  return { exitCode, stdout, stderr };
}

/** A directory of the test's own, removed when the test ends. */
export async function scratch(test: { teardown(handler: () => unknown): unknown }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'crashpath-test-'));
  test.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The results that `--json` printed; a line that is not a result fails the test by throwing. */
export function resultsOf(stdout: string): RunResult[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => RunResultSchema.parse(JSON.parse(line)));
}

/** Process ids of QEMUs whose working directory lies under `directory`; whoever started them. */
export async function qemusUnder(directory: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (!command.includes('qemu-system')) continue;
    const cwd = await execa('readlink', [`/proc/${name}/cwd`], { reject: false });
    if (cwd.stdout.startsWith(directory)) found.push(Number(name));
  }
  return found;
}

/** Polls until `test` gives something or `limitMs` have passed. */
export async function eventually<T>(
  test: () => Promise<T | undefined>,
  limitMs: number,
): Promise<T | undefined> {
  const untilMs = performance.now() + limitMs;
  for (;;) {
    const value = await test();
    if (value !== undefined || performance.now() > untilMs) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
