import { boundedWait, type BoundedWait } from '../socket/bounded-wait.js';
import { QmpCommandError, QmpTimeoutError } from './errors.js';

/** Limits of one command. */
export interface ExecuteOptions {
  /** Milliseconds until the reply must be there; default is the client's `deadlineMs` (10 s). */
  readonly deadlineMs?: number | undefined;
  /** Stops waiting; QEMU cannot cancel a command. */
  readonly signal?: AbortSignal | undefined;
}

/** How a reply was matched. */
export type ReplyMatch =
  | { readonly kind: 'matched' }
  | { readonly kind: 'late'; readonly id: number; readonly command: string; readonly lateByMs: number }
  | { readonly kind: 'unknown' };

/** A reply's content. */
export type Reply =
  | { readonly kind: 'return'; readonly value: unknown }
  | { readonly kind: 'error'; readonly errorClass: string; readonly desc: string };

interface Pending {
  readonly command: string;
  readonly wait: BoundedWait<unknown>;
}

/** Bound on remembered commands that were abandoned; the reply to an older one counts as unknown. */
const ABANDONED_KEPT = 1024;

/** Commands in flight and abandoned ones, by id. */
export class CommandTable {
  readonly #now: () => number;
  readonly #pending = new Map<number, Pending>();
  readonly #abandoned = new Map<number, { readonly command: string; readonly atMs: number }>();
  #nextId = 1;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Registers a command; send it with `id` afterwards. */
  add(
    command: string,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): { id: number; reply: Promise<unknown> } {
    const id = this.#nextId;
    this.#nextId += 1;
    const wait = boundedWait<unknown>({
      deadlineMs,
      signal,
      timeoutError: () =>
        new QmpTimeoutError(
          `cannot execute QMP command "${command}": no reply within ${deadlineMs} ms; it may still be executing`,
          deadlineMs,
        ),
      onOver: () => this.#abandonIfPending(id),
    });
    this.#pending.set(id, { command, wait });
    return { id, reply: wait.promise };
  }

  /** Hands a reply to its command. */
  settle(id: unknown, reply: Reply): ReplyMatch {
    if (typeof id !== 'number') return { kind: 'unknown' };
    const pending = this.#pending.get(id);
    if (pending !== undefined) {
      this.#pending.delete(id);
      if (reply.kind === 'return') pending.wait.resolve(reply.value);
      else pending.wait.reject(new QmpCommandError(pending.command, reply.errorClass, reply.desc));
      return { kind: 'matched' };
    }
    const abandoned = this.#abandoned.get(id);
    if (abandoned === undefined) return { kind: 'unknown' };
    this.#abandoned.delete(id);
    return { kind: 'late', id, command: abandoned.command, lateByMs: this.#now() - abandoned.atMs };
  }

  /** Fails every command in flight: no reply can come any more. */
  failAll(makeError: (command: string) => Error): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { command, wait } of pending) wait.reject(makeError(command));
  }

  #abandonIfPending(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#abandoned.set(id, { command: pending.command, atMs: this.#now() });
    const oldest = this.#abandoned.keys().next();
    if (this.#abandoned.size > ABANDONED_KEPT && oldest.done !== true) this.#abandoned.delete(oldest.value);
  }
}
