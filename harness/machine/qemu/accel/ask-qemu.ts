import { execa } from 'execa';
import which from 'which';
import { harnessFault } from '../../../model/fault.js';
import { foldLine } from '../../../model/escape.js';

/** Longest wait for a QEMU that only prints something (`--version`, `-accel help`) and exits. */
export const ASK_DEADLINE_MS = 10_000;
const ANSWER_LIMIT_BYTES = 1024 * 1024;

/** Where to look for a program, and a signal to stop early. */
export interface AskOptions {
  /** Folders separated by `:`; the environment's PATH when absent. */
  readonly searchPath?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Absolute or given path of an executable QEMU. A name without a slash is looked up in PATH.
 * Throws a harness Fault that names the Debian package when there is none.
 */
export async function findQemu(binary: string, { searchPath }: AskOptions = {}): Promise<string> {
  const found = await which(binary, { nothrow: true, path: searchPath });
  if (found !== null) return found;
  const why = binary.includes('/') ? 'no executable file there' : 'not found in PATH';
  throw harnessFault(
    `cannot start "${binary}": ${why}; install qemu-system-x86 (apt-get install qemu-system-x86)`,
  );
}

/**
 * What QEMU prints on stdout for arguments that make it print and exit, within {@link ASK_DEADLINE_MS} and 1 MiB.
 * Throws a harness Fault when it is missing, fails or does not end; the signal's reason when aborted.
 */
export async function askQemu(
  binary: string,
  args: readonly string[],
  options: AskOptions = {},
): Promise<string> {
  const path = await findQemu(binary, options);
  options.signal?.throwIfAborted();
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
