import { execa } from 'execa';
import which from 'which';
import { harnessFault } from '../../../model/fault.js';
import { foldLine } from '../../../model/escape.js';
import type { ProgramHost } from '../program-host.js';

/** Longest wait for a QEMU that only prints something (`--version`, `-accel help`) and exits. */
export const ASK_DEADLINE_MS = 10_000;
/** The same on another host, which may be slow: on an emulated one `-device help` took longer than 10 s (QEMU 7.2). */
const ASK_THERE_DEADLINE_MS = 60_000;
const ANSWER_LIMIT_BYTES = 1024 * 1024;

/** Where to look for a program, and a signal to stop early. */
export interface AskOptions {
  /** The host to ask; this one when absent. */
  readonly host?: ProgramHost | undefined;
  /** Folders separated by `:`; the environment's PATH when absent. */
  readonly searchPath?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Absolute or given path of an executable QEMU. A name without a slash is looked up in PATH.
 * Throws a harness Fault that names the Debian package when there is none.
 */
export async function findQemu(binary: string, { searchPath, host }: AskOptions = {}): Promise<string> {
  if (host !== undefined) return findThere(binary, host);
  const found = await which(binary, { nothrow: true, path: searchPath });
  if (found !== null) return found;
  const why = binary.includes('/') ? 'no executable file there' : 'not found in PATH';
  throw harnessFault(
    `cannot start "${binary}": ${why}; install qemu-system-x86 (apt-get install qemu-system-x86)`,
  );
}

/**
 * What QEMU prints on stdout for arguments that make it print and exit, within {@link ASK_DEADLINE_MS} (a minute on another host) and 1 MiB.
 * Throws a harness Fault when it is missing, fails or does not end; the signal's reason when aborted.
 */
export async function askQemu(
  binary: string,
  args: readonly string[],
  options: AskOptions = {},
): Promise<string> {
  const path = await findQemu(binary, options);
  options.signal?.throwIfAborted();
  if (options.host !== undefined) return askThere(path, args, { host: options.host, signal: options.signal });
  const result = await execa(path, args, {
    reject: false,
    stdin: 'ignore',
    timeout: ASK_DEADLINE_MS,
    killSignal: 'SIGKILL',
    maxBuffer: ANSWER_LIMIT_BYTES,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  options.signal?.throwIfAborted();
  if (!result.failed) return result.stdout;
  const why = result.timedOut
    ? `no answer within ${ASK_DEADLINE_MS} ms`
    : foldLine(result.stderr || (result.shortMessage ?? 'it failed'));
  throw harnessFault(`cannot ask "${path} ${args.join(' ')}": ${why}; check the QEMU installation`, result);
}

async function findThere(binary: string, host: ProgramHost): Promise<string> {
  const found = await host.find(binary);
  if (found !== undefined) return found;
  throw harnessFault(
    `cannot start "${binary}" on host "${host.name}": it is not there; install qemu-system-x86 there, or set CRASHPATH_HOST_QEMU to its path`,
  );
}

async function askThere(
  path: string,
  args: readonly string[],
  { host, signal }: { readonly host: ProgramHost; readonly signal: AbortSignal | undefined },
): Promise<string> {
  const { status, stdout, stderr, late } = await host.run(path, args, {
    deadlineMs: ASK_THERE_DEADLINE_MS,
    signal,
  });
  if (status === 0) return stdout.trimEnd();
  const why = late
    ? `no answer within ${ASK_THERE_DEADLINE_MS} ms`
    : foldLine(stderr || `it ended with status ${status}`);
  throw harnessFault(
    `cannot ask "${path} ${args.join(' ')}" on host "${host.name}": ${why}; check the QEMU installation there`,
  );
}
