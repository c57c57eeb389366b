import { inspect } from 'node:util';
import { Fault } from '../model/fault.js';
import type { HostFact } from '../model/record.js';

/** Longest stack trace with its causes that is recorded, characters. */
const STACK_CHARACTERS = 8_192;

/** Errors of the language: a failure of the host is never reported by one of them. */
const LANGUAGE_ERRORS: ReadonlySet<unknown> = new Set([
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
]);

/**
 * An error that ended a run, for its recording. A failure of the host (a Fault, an error of a client, of the operating
 * system or of a program) is recorded with its message; anything else is reported as a bug of crashpath.
 */
export function faultFact(error: unknown): Extract<HostFact, { fact: 'harness-fault' }> {
  const said = error instanceof Fault ? error.message : String(error);
  const message = isBug(error)
    ? `cannot carry out the run: a bug of crashpath, ${said}; report it with host.jsonl, which has the stack`
    : said;
  return { fact: 'harness-fault', message, stack: inspect(error).slice(0, STACK_CHARACTERS) };
}

function isBug(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  // The operating system's errors are plain Errors with a code, such as ENOSPC.
  return LANGUAGE_ERRORS.has(error.constructor) && !('code' in error);
}
