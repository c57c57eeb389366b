import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { ExecaError, execa } from 'execa';
import { cacheFaultInText } from '../../cache/cache-fault.js';
import { kernelCache } from '../kernel-cache.js';
import { signalGroup } from '../../host/process-group.js';
import { harnessFault } from '../../model/fault.js';
import { type KernelOptions, ticking } from '../options.js';
import { KernelDoesNotBuild } from './build-failure.js';
import { cleanLine } from '../tool.js';
import { firstBuildError, stepIn } from './make-output.js';

/** The first build of crashpath's configuration takes 5 min on two cores; a distribution's may take two hours. */
const MAKE_DEADLINE_MS = 3 * 3_600_000;
/** From SIGTERM to SIGKILL: make ends its children in that time. */
const KILL_AFTER_MS = 5_000;
/** Lines that are kept to search them for the first error. */
const KEPT_LINES = 20_000;
const CCACHE_MAX_SIZE = '2G';

/** One build directory. */
export interface BuildPlace {
  /** Top of the kernel's source. */
  readonly src: string;
  /** Build directory, directly below `src`: Kbuild then names the source `..`, and both can be moved and copied. */
  readonly obj: string;
  /** Path of the log with all output of make. */
  readonly log: string;
  /** What is built, for messages: `6.1.192 no-zap`. */
  readonly what: string;
  /** Compiler command: `gcc`, `ccache gcc`. */
  readonly cc: string;
}

export interface MakeOptions extends KernelOptions {
  readonly jobs: number;
}

/**
 * Runs make with these targets and variables, at low priority (nice 10), with an environment of its own so that the
 * caller's settings do not affect the kernel. Reports every few seconds. Faults: {@link KernelDoesNotBuild} with the first
 * error and the log, harness when the disk is full or make cannot be run.
 */
export async function runMake(
  place: BuildPlace,
  targets: readonly string[],
  options: MakeOptions,
): Promise<void> {
  options.signal?.throwIfAborted();
  await mkdir(dirname(place.log), { recursive: true });
  const log = createWriteStream(place.log, { flags: 'a' });
  log.write(`\n$ make ${targets.join(' ')}\n`);
  const kept: string[] = [];
  let steps = 0;
  let current = '';
  const see = (line: string) => {
    log.write(`${line}\n`);
    if (kept.push(line) > KEPT_LINES) kept.shift();
    const step = stepIn(line);
    if (step === undefined) return;
    steps += 1;
    current = ` (${cleanLine(step)})`;
  };
  const deadline = AbortSignal.timeout(MAKE_DEADLINE_MS);
  const progress = (seconds: number) => `building ${place.what}: ${steps} steps, ${seconds} s${current}`;
  try {
    await ticking(progress, options, () =>
      runProgram(command(place, targets, options), see, { ...options, deadline }),
    );
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    throw buildFault(place, kept, { error, options, timedOut: deadline.aborted });
  } finally {
    log.end();
    await finished(log).catch(() => undefined);
  }
}

/** Runs make in a process group of its own, and ends the whole group: a compiler's children outlive the compiler. */
async function runProgram(
  program: readonly string[],
  see: (line: string) => void,
  options: KernelOptions & { readonly deadline: AbortSignal },
): Promise<void> {
  const { signal, deadline } = options;
  // When crashpath is killed it cannot end the group: then make gets SIGTERM, and ends its children.
  const subprocess = execa('setpriv', ['--pdeathsig', 'TERM', 'nice', '-n', '10', ...program], {
    all: true,
    stdin: 'ignore',
    buffer: false,
    extendEnv: false,
    env: environment(options),
    detached: true,
  });
  const stop = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const killing: NodeJS.Timeout[] = [];
  const end = () => {
    signalGroup(subprocess.pid, 'SIGTERM');
    killing.push(setTimeout(() => signalGroup(subprocess.pid, 'SIGKILL'), KILL_AFTER_MS));
  };
  if (stop.aborted) end();
  else stop.addEventListener('abort', end, { once: true });
  try {
    for await (const line of subprocess.iterable({ from: 'all' })) see(line);
    await subprocess;
  } finally {
    stop.removeEventListener('abort', end);
    for (const timer of killing) clearTimeout(timer);
  }
}

function command({ src, obj, cc }: BuildPlace, targets: readonly string[], { jobs }: MakeOptions): string[] {
  return ['make', '-C', src, `O=${obj}`, `-j${jobs}`, 'ARCH=x86_64', `CC=${cc}`, 'LOCALVERSION=', ...targets];
}

function environment({ cacheDir }: KernelOptions): Record<string, string> {
  const { PATH = '/usr/sbin:/usr/bin:/sbin:/bin', CCACHE_DIR } = process.env;
  return {
    PATH,
    HOME: homedir(),
    TMPDIR: tmpdir(),
    LC_ALL: 'C',
    // The same inputs give the same bytes, on any host and day.
    KBUILD_BUILD_USER: 'crashpath',
    KBUILD_BUILD_HOST: 'crashpath',
    KBUILD_BUILD_TIMESTAMP: 'Thu Jan 1 00:00:00 UTC 1970',
    KBUILD_BUILD_VERSION: '1',
    CCACHE_DIR: CCACHE_DIR ?? join(resolve(cacheDir), 'ccache'),
    CCACHE_MAXSIZE: CCACHE_MAX_SIZE,
  };
}

function buildFault(
  { what, log }: BuildPlace,
  lines: readonly string[],
  { error, options, timedOut }: { error: ExecaError; options: KernelOptions; timedOut: boolean },
): Error {
  const full = cacheFaultInText(
    kernelCache(options.cacheDir),
    lines.filter((line) => /No space left|Disk quota/.test(line)).join('\n'),
  );
  if (full !== undefined) return full;
  const cannot = `cannot build kernel "${what}"`;
  if (timedOut) {
    return harnessFault(`${cannot}: it took more than ${MAKE_DEADLINE_MS / 60_000} min; see ${log}`, error);
  }
  if (error.code !== undefined) {
    return harnessFault(
      `${cannot}: ${error.originalMessage ?? error.code}; install util-linux and make`,
      error,
    );
  }
  if (error.signal !== undefined) {
    return harnessFault(`${cannot}: make was ended by ${error.signal}; see ${log}`, error);
  }
  const first = firstBuildError(lines) ?? lines.findLast((line) => line.trim() !== '') ?? 'make said nothing';
  return new KernelDoesNotBuild(`${cannot}: ${cleanLine(first)}; see ${log}`, error);
}
