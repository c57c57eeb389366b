import type { ListenerThrew, Observed } from '../socket/observations.js';

/** A deviation from the protocol that would otherwise be lost. Texts are the stub's, bounded, unescaped. */
export type ObservationBody =
  /** Bytes between packets. */
  | { readonly kind: 'junk'; readonly bytes: number }
  /** A packet with a wrong checksum, a bad encoding, too long, or cut off by the next one. */
  | { readonly kind: 'bad-packet' | 'bad-notification'; readonly why: string }
  /** `%...`: only non-stop stubs send them. */
  | { readonly kind: 'notification'; readonly payload: string }
  /** A reply for which no operation waits: a late one, or an unrequested one. */
  | { readonly kind: 'unexpected-packet'; readonly payload: string }
  /** `O...`: text for the debugger's user. */
  | { readonly kind: 'console-output'; readonly payload: string }
  /** The stub requested a packet again. */
  | { readonly kind: 'retransmission'; readonly payload: string }
  /** Requests and replies match again after a missing reply. */
  | { readonly kind: 'resynchronised' }
  | ListenerThrew;

export type GdbObservation = Observed<ObservationBody>;

/** Longest piece of a packet that an observation keeps. */
const EXCERPT_CHARACTERS = 200;

/** The beginning of a payload. */
export function excerpt(payload: string): string {
  return payload.slice(0, EXCERPT_CHARACTERS);
}
