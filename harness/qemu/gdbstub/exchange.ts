import { GdbRemoteError } from './errors.js';
import { type Limits, waitWithin } from './limits.js';
import { excerpt } from './observation.js';

/** What is under way: `halt-query` is answered by a stop reply, a `resume` by its acknowledgement. */
export type ExchangeKind = 'request' | 'halt-query' | 'resume' | 'resync';

/** One packet that was sent, until it is answered or abandoned. */
export interface Exchange {
  readonly kind: ExchangeKind;
  readonly payload: string;
  readonly promise: Promise<string>;
  readonly resolve: (reply: string) => void;
  readonly reject: (error: unknown) => void;
  /** The stub has received it; a later packet may be the answer. */
  acked: boolean;
  /** How often the stub requested it again. */
  repeats: number;
}

/** Starts one. `onOver` receives whether it was answered, a refusal included; if not, its reply may still come. */
export function startExchange(
  packet: { readonly kind: ExchangeKind; readonly payload: string; readonly acked: boolean },
  limits: Limits,
  onOver: (answered: boolean) => void,
): Exchange {
  let answered = false;
  const missing = `no reply to "${excerpt(packet.payload)}" came`;
  const wait = waitWithin<string>(limits, missing, () => onOver(answered));
  return {
    ...packet,
    repeats: 0,
    promise: wait.promise,
    resolve: (reply) => {
      answered = true;
      wait.resolve(reply);
    },
    reject: (error) => {
      answered = error instanceof GdbRemoteError;
      wait.reject(error);
    },
  };
}
