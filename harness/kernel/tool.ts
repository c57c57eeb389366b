import { ExecaError, execa } from 'execa';
import { foldLine } from '../model/escape.js';

/** How a program ended: its output, or why there is none. */
export type ToolResult =
  | { readonly ok: true; readonly stdout: string }
  | {
      readonly ok: false;
      /** One line for people. */
      readonly why: string;
      /** The end of its stderr, at most 4 KiB. */
      readonly stderr: string;
      /** True when the program does not exist on this host. */
      readonly missing: boolean;
      /** Its status when it ended by itself. */
      readonly exitCode: number | undefined;
      readonly stdout: string;
    };

export interface ToolOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string | undefined;
  /** All its variables, in place of the caller's. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** The program's name in messages; default its file name. */
  readonly name?: string | undefined;
  /** Receives each line of `from` (file descriptor 3 is opened for it), without control characters. */
  readonly lines?: { readonly from: 'stdout' | 'fd3'; readonly each: (line: string) => void } | undefined;
}

/** From SIGTERM to SIGKILL, milliseconds. */
const KILL_AFTER_MS = 5_000;
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;
const LINE_MAX = 200;

/**
 * Runs a program in the C locale, without stdin. A failure is a value, because its meaning depends on the caller; only
 * an abort is thrown (the signal's reason).
 */
export async function runTool(
  command: readonly [file: string, ...args: string[]],
  options: ToolOptions,
): Promise<ToolResult> {
  options.signal?.throwIfAborted();
  const [file, ...args] = command;
  try {
    const subprocess = execa(file, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      timeout: options.deadlineMs,
      forceKillAfterDelay: KILL_AFTER_MS,
      maxBuffer: OUTPUT_MAX_BYTES,
      env: options.environment ?? { LC_ALL: 'C' },
      extendEnv: options.environment === undefined,
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    if (options.lines !== undefined) {
      const { from, each } = options.lines;
      for await (const line of subprocess.iterable({ from })) each(cleanLine(line));
    }
    const { stdout } = await subprocess;
    return { ok: true, stdout };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    return failureOf(error, options.name ?? file, options);
  }
}

/** A program that failed, as a value. */
export function failureOf(
  error: ExecaError,
  name: string,
  options: Pick<ToolOptions, 'deadlineMs' | 'cwd'>,
): Extract<ToolResult, { ok: false }> {
  const stderr = typeof error.stderr === 'string' ? error.stderr.slice(-4096) : '';
  // With a working directory of our own, ENOENT may be about that directory.
  const missing = error.code === 'ENOENT' && options.cwd === undefined;
  const why = reason(error, stderr, { name, deadlineMs: options.deadlineMs });
  const stdout = typeof error.stdout === 'string' ? error.stdout : '';
  return { ok: false, stderr, stdout, missing, why, exitCode: error.exitCode };
}

function reason(
  error: ExecaError,
  stderr: string,
  { name, deadlineMs }: { name: string; deadlineMs: number },
): string {
  if (error.timedOut) return `${name} did not finish within ${Math.round(deadlineMs / 1000)} s`;
  const messages = stderr.split('\n').filter((line) => /^\S/.test(line) && !line.startsWith('W:'));
  // The first lines show the cause, later ones its consequences.
  const text = cleanLine(messages.slice(0, 2).join('; ').replace(/^E: /, ''));
  if (text !== '') return text;
  return cleanLine(error.originalMessage ?? `${name} ended with status ${error.exitCode ?? 'unknown'}`);
}

/** One line of at most 200 characters of another program's text: a mirror or a package may have written anything. */
export function cleanLine(text: string): string {
  return foldLine(text, LINE_MAX - '...'.length);
}
