import type { EventBody, EventSource, RunEvent } from '../model/event.js';

/** Lines that a guest may print any number of times; other events are as many as the run is long. */
const FOLDABLE: ReadonlySet<EventBody['type']> = new Set<EventBody['type']>([
  'kernel-banner',
  'capture-command-line',
  'reboot-command-line',
  'panic',
  'panic-ended',
  'reboot-announced',
  'oops',
  'stale-int3',
  'signature',
  'lkdtm-hit',
  'control-noise',
]);

/** So many events of a kind are kept as they come. */
const MOST_OF_A_KIND = 256;
/** Behind those, one in this time of the recording. */
const EVERY_MS = 1_000;

interface Kind {
  seen: number;
  dropped: number;
  keptMs: number;
  keptIn: number;
  last: { readonly atMs: number; readonly at: EventSource } | undefined;
}

/** Bounds the events of a guest that prints for ever. */
export interface Fold {
  /** Whether an event is kept; one that is not is counted. Others than those of lines are always kept. */
  keep(body: EventBody, atMs: number, at: EventSource): boolean;
  /** Whether {@link keep} would drop it. */
  isFull(body: EventBody, atMs: number): boolean;
  /** Something happened that is no line of a console: the next event of each kind is kept. */
  turn(): void;
  /** Whether events of this kind were dropped. */
  hasDropped(body: EventBody): boolean;
  /** What was dropped, one event for each kind. */
  finish(): RunEvent[];
}

/**
 * A guest may print the same for ever: of each kind of event some are kept as they come, then one each second, and the
 * first behind each event that no line of a console makes (an answer, the firing, a place of a vCPU): what a verdict asks
 * is when a kind came first, before or behind what, and whether the host was busy then. What is dropped is counted. Pure.
 */
export function createFold(): Fold {
  const kinds = new Map<string, Kind>();
  let part = 0;
  // A storm is of one kind, whose name need not be made again.
  let latest: { readonly body: EventBody; readonly kind: Kind } | undefined;

  function kindOf(body: EventBody): Kind {
    if (latest !== undefined && isSameKind(latest.body, body)) return latest.kind;
    const name = nameOf(body);
    let kind = kinds.get(name);
    if (kind === undefined) {
      kind = { seen: 0, dropped: 0, keptMs: 0, keptIn: part, last: undefined };
      kinds.set(name, kind);
    }
    latest = { body, kind };
    return kind;
  }

  function isFull({ seen, keptIn, keptMs }: Kind, atMs: number): boolean {
    return seen >= MOST_OF_A_KIND && keptIn === part && atMs - keptMs < EVERY_MS;
  }

  return {
    keep(body, atMs, at) {
      if (!FOLDABLE.has(body.type)) return true;
      const kind = kindOf(body);
      if (isFull(kind, atMs)) {
        kind.dropped += 1;
        kind.last = { atMs, at };
        return false;
      }
      kind.seen += 1;
      kind.keptMs = atMs;
      kind.keptIn = part;
      return true;
    },
    isFull: (body, atMs) => isFull(kindOf(body), atMs),
    turn() {
      part += 1;
    },
    hasDropped: (body) => FOLDABLE.has(body.type) && kindOf(body).dropped > 0,
    finish: () =>
      [...kinds].flatMap(([what, { dropped, last }]) =>
        last === undefined ? [] : [{ ...last, type: 'folded' as const, what, count: dropped }],
      ),
  };
}

function isSameKind(one: EventBody, other: EventBody): boolean {
  if (one.type !== other.type) return false;
  if (one.type === 'signature' && other.type === 'signature') {
    return one.name === other.name && one.side === other.side;
  }
  return 'side' in one && 'side' in other ? one.side === other.side : true;
}

function nameOf(body: EventBody): string {
  if (body.type === 'signature') return `${body.type} ${body.name} ${body.side}`;
  return 'side' in body ? `${body.type} ${body.side}` : body.type;
}
