import type { ExchangeKind } from './exchange.js';
import { isStopReply } from './stop-reply.js';

/** The meaning of a packet in its context. `refusal`: of the resume that seemed to have begun. */
export type PacketMeaning = 'reply' | 'stop' | 'console-output' | 'refusal' | 'unexpected';

/** The context of a received packet. */
export interface PacketContext {
  /** The exchange that it may answer: the one under way, once it is acknowledged. */
  readonly answers: ExchangeKind | undefined;
  readonly running: boolean;
}

/**
 * The meaning of a packet. A reply to `resync` is recognised by its form; a stop reply answers only the question why
 * the guest is stopped, because a stop may arrive along with the reply to any other request. Pure.
 */
export function meaningOf(payload: string, { answers, running }: PacketContext): PacketMeaning {
  if (isStopReply(payload)) return answers === 'halt-query' ? 'reply' : 'stop';
  if (/^O(?:[0-9a-f]{2})+$/iu.test(payload)) return 'console-output';
  if (answers === 'request' || answers === 'halt-query') return 'reply';
  if (answers === 'resync' && payload.includes('PacketSize=')) return 'reply';
  if (running && (payload === '' || /^E[0-9a-f]{2}$/iu.test(payload))) return 'refusal';
  return 'unexpected';
}
