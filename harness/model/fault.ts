/**
 * Errors are sorted by their cause, which decides the exit code: `usage` (the caller named something that does not
 * exist or cannot work; exit 64) and `harness` (the host or crashpath failed; exit 3). A guest that misbehaves is not
 * an error, it is a verdict.
 */
export type FaultKind = 'usage' | 'harness';

/** An error with a one-line message of the form `cannot <do what> "<value>": <why>; <remedy>`. */
export class Fault extends Error {
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Fault';
    this.kind = kind;
  }
}

/** A caller's mistake: bad value, unknown name, unusable kernel. */
export function usageFault(message: string, cause?: unknown): Fault {
  return new Fault('usage', message, cause === undefined ? undefined : { cause });
}

/** The host or crashpath itself failed: missing QEMU, full disk, lost socket. */
export function harnessFault(message: string, cause?: unknown): Fault {
  return new Fault('harness', message, cause === undefined ? undefined : { cause });
}

/** Process exit codes (docs/verdicts.md). */
export const EXIT = { expected: 0, unexpected: 1, inconclusive: 2, harness: 3, usage: 64 } as const;
