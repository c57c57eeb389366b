import type { ExchangeKind } from './exchange.js';
import { isStopReply } from './stop-reply.js';

/** What a packet from the stub means where it is read. `refusal`: of the resume that seemed to have begun. */
export type PacketMeaning = 'reply' | 'stop' | 'console-output' | 'refusal' | 'unexpected';

/** Where a packet is read. */
export interface PacketContext {
  /** What may be answered by it: the exchange under way, once it is acknowledged. */
  readonly answers: ExchangeKind | undefined;
  readonly running: boolean;
}

/**
 * Tells what a packet means. A reply to `resync` is known by its looks; a stop reply is a reply only to the question
 * why the guest stands, because a stop may come along with the reply to any other. Pure.
 */
export function meaningOf(payload: string, { answers, running }: PacketContext): PacketMeaning {
  if (isStopReply(payload)) return answers === 'halt-query' ? 'reply' : 'stop';
  if (/^O(?:[0-9a-f]{2})+$/iu.test(payload)) return 'console-output';
  if (answers === 'request' || answers === 'halt-query') return 'reply';
  if (answers === 'resync' && payload.includes('PacketSize=')) return 'reply';
  if (running && (payload === '' || /^E[0-9a-f]{2}$/iu.test(payload))) return 'refusal';
  return 'unexpected';
}
