import type { EventBody } from '../model/event.js';
import { createConsoleReader } from './console.js';
import { withoutStamp } from './printk.js';
import type { KernelSide } from './tables-seen.js';

/** Events that a kernel's own log can add. Its banner and an older command line tell nothing about what happened. */
const FROM_LOG: ReadonlySet<EventBody['type']> = new Set([
  'capture-command-line',
  'panic',
  'panic-ended',
  'reboot-announced',
  'oops',
  'stale-int3',
  'signature',
  'report-frame',
  'lkdtm-hit',
]);

/** Events that would be misread after the panic: the trigger's own oops looks like a fault of the crash path. */
const BEFORE_PANIC: ReadonlySet<EventBody['type']> = new Set(['oops', 'signature']);

/** Adds what a kernel's log, read from memory, holds and the console did not show. */
export interface LogMerger {
  /** An event that the console showed. */
  note(body: EventBody): void;
  /** The events of a log that were not seen yet. */
  log(side: KernelSide, text: string): EventBody[];
}

/**
 * Merges logs with the console: an event counts once, whether the console showed it, the log, or an earlier reading of
 * the log. Equal lines of a log are compared by their number.
 */
export function createLogMerger(): LogMerger {
  const seen = new Map<string, number>();
  // The console may show callers as well as times (CONFIG_PRINTK_CALLER).
  const keyOf = (body: EventBody) =>
    JSON.stringify(body.type === 'signature' ? { ...body, text: withoutStamp(body.text) } : body);
  return {
    note(body) {
      if (!FROM_LOG.has(body.type)) return;
      const key = keyOf(body);
      seen.set(key, (seen.get(key) ?? 0) + 1);
    },
    log(side, text) {
      const reader = createConsoleReader(side);
      const inThisLog = new Map<string, number>();
      const added: EventBody[] = [];
      const bodies = text.split('\n').flatMap((line) => reader.line(line));
      const panic = bodies.findIndex((body) => body.type === 'panic');
      const panicBody = bodies[panic];
      const panicShown = side === 'production' && panicBody !== undefined && seen.has(keyOf(panicBody));
      for (const [index, body] of bodies.entries()) {
        if (!FROM_LOG.has(body.type)) continue;
        // It came before the panic, and events are in order.
        if (panicShown && index < panic && BEFORE_PANIC.has(body.type)) continue;
        const key = keyOf(body);
        const count = (inThisLog.get(key) ?? 0) + 1;
        inThisLog.set(key, count);
        if (count <= (seen.get(key) ?? 0)) continue;
        seen.set(key, count);
        added.push(body);
      }
      return added;
    },
  };
}
