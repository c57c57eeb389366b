/**
 * The host's half of the control channel: requests to the first kernel's init (images/init/production), one line each.
 * Replies come back as frames, which the timeline reads (harness/timeline/control.ts).
 */

import type { LoadSyscall } from '../plan/guest-defaults.js';

/** How a crash kernel is loaded, and its command line. */
export interface CrashLoad {
  readonly loadSyscall: LoadSyscall;
  readonly append: string;
}

const KEXEC_OPTION = { kexec_load: '-c', kexec_file_load: '-s' } as const satisfies Record<
  LoadSyscall,
  string
>;

/** Builds request lines with increasing ids. */
export interface RequestWriter {
  ping(): Request;
  /** Load the crash kernel; `nonce` becomes the guest's host name. A template of clones has none. */
  arm(nonce: string | undefined, load: CrashLoad): Request;
  /** In a clone: take this nonce as host name, and report again what is loaded. */
  mark(nonce: string): Request;
  /** In a clone without a crash kernel: draw other random numbers than its template and the other clones. */
  vary(seed: string): Request;
  /** Run a shell script in the guest and reply with its status and output. */
  script(text: string): Request;
  /** The same, announced first: the guest is expected to die in it. */
  fire(text: string): Request;
}

/** One request: its id, which its reply repeats, and the bytes to send. */
export interface Request {
  readonly id: number;
  readonly bytes: Buffer;
}

/** Longest request line; the guest's tty buffers it whole before ash reads it. */
const MAX_REQUEST_BYTES = 16 * 1024;

/**
 * A writer for one run, whose ids follow `lastId`: a clone's init has answered its template's requests. Throws a RangeError
 * for a request that is too long for the channel.
 */
export function createRequestWriter(lastId = 0): RequestWriter {
  const request = (verb: string, ...words: string[]): Request => {
    lastId += 1;
    const bytes = Buffer.from(`${[lastId, verb, ...words].join(' ')}\n`, 'latin1');
    if (bytes.length > MAX_REQUEST_BYTES) {
      throw new RangeError(`cannot send "${verb}": ${bytes.length} bytes; the limit is ${MAX_REQUEST_BYTES}`);
    }
    return { id: lastId, bytes };
  };
  return {
    ping: () => request('ping'),
    // The command line last: it may be empty.
    arm: (nonce, { loadSyscall, append }) =>
      request('arm', nonce ?? '-', KEXEC_OPTION[loadSyscall], base64(append)),
    mark: (nonce) => request('mark', nonce),
    vary: (seed) => request('vary', seed),
    script: (text) => request('sh', base64(text)),
    fire: (text) => request('fire', base64(text)),
  };
}

/** A script that writes `value`, with any characters, to a guest file. */
export function writeFileScript(path: string, value: string): string {
  return `echo ${base64(value)} | base64 -d >${path}`;
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
