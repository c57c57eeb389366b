import { keyOf, wordsOf } from '../plan/command-line.js';
import type { EventOf, EventType, RunEvent } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { PHASES, type Phase, type PhaseReached, rungOf } from '../model/phase.js';

/** First event of a type, or of a type that also passes a test. */
export function first<T extends EventType>(
  events: readonly RunEvent[],
  type: T,
  test: (event: EventOf<T>) => boolean = () => true,
): EventOf<T> | undefined {
  const is = (event: RunEvent): event is EventOf<T> => event.type === type;
  return events.filter(is).find(test);
}

/** When the last event was, milliseconds; what is known of a vCPU at the end comes last and has its own time. */
export function lastMs(events: readonly RunEvent[]): number {
  return events.reduce((latest, { atMs }) => Math.max(latest, atMs), 0);
}

/** A host event that carries one kind of fact. */
export type FactEvent<F extends HostFact['fact']> = EventOf<'host'> & {
  readonly fact: Extract<HostFact, { fact: F }>;
};

/** All host facts of a kind, in order. */
export function factsOf<F extends HostFact['fact']>(events: readonly RunEvent[], fact: F): FactEvent<F>[] {
  const is = (event: RunEvent): event is FactEvent<F> => event.type === 'host' && event.fact.fact === fact;
  return events.filter(is);
}

/** First host fact of a kind. */
export function firstFact<F extends HostFact['fact']>(
  events: readonly RunEvent[],
  fact: F,
): FactEvent<F> | undefined {
  return factsOf(events, fact)[0];
}

/** The suspension of the machine to memory that nothing has ended; undefined when there is none. */
export function suspensionIn(events: readonly RunEvent[]): EventOf<'suspended'> | undefined {
  const last = events.findLast(({ type }) => type === 'suspended' || type === 'woken');
  return last?.type === 'suspended' ? last : undefined;
}

/** Whether the kernel whose userspace reports was started as a crash kernel: only kexec -p adds `elfcorehdr=`. */
export function isCrashKernel({ commandLine }: EventOf<'capture-hello'>): boolean {
  return wordsOf(commandLine).some((word) => keyOf(word) === 'elfcorehdr');
}

/** The event that shows a rung reached, for each rung that one event can show. */
const SIGNS: Partial<Record<Phase, (events: readonly RunEvent[]) => RunEvent | undefined>> = {
  boot: (events) => first(events, 'hello'),
  armed: (events) => first(events, 'armed', (event) => event.armed.loaded),
  fired: (events) => first(events, 'firing') ?? firstFact(events, 'fired'),
  'panic-entered': (events) => first(events, 'panic', (event) => event.side === 'production'),
  'cpus-shot-down': (events) => (ranOn(events) ? undefined : first(events, 'cpus-parked')),
  'kexec-jump': (events) =>
    first(events, 'jumped', (event) => event.place === 'jump' || event.place === 'after-jump'),
  purgatory: (events) => first(events, 'jumped', (event) => event.place === 'purgatory'),
  'capture-banner': (events) => first(events, 'capture-command-line'),
  'capture-userspace': (events) =>
    first(events, 'capture-hello', isCrashKernel) ??
    first(events, 'signature', ({ name, side }) => side === 'capture' && name === 'dump-started'),
};

/** The proofs that were not established; the last record of a proof counts. */
export function unprovedProofs(events: readonly RunEvent[]): FactEvent<'proof'>[] {
  const last = new Map(factsOf(events, 'proof').map((event) => [event.fact.what, event]));
  return [...last.values()].filter((event) => !event.fact.proved);
}

/**
 * The rungs that were reached: every rung that was seen, and the rungs below the highest one seen as `implied`, except
 * those that are never implied (a capture kernel does not imply that the state was proved).
 */
export function phasesOf(events: readonly RunEvent[], vmcoreVerified: RunEvent | undefined): PhaseReached[] {
  const seen = new Map<Phase, RunEvent>();
  for (const phase of PHASES) {
    const sign = phase === 'vmcore-verified' ? vmcoreVerified : SIGNS[phase]?.(events);
    if (sign !== undefined) seen.set(phase, sign);
  }
  const proof = factsOf(events, 'proof').at(-1);
  if (proof !== undefined && unprovedProofs(events).length === 0) {
    const fired = seen.get('fired');
    seen.set('state-proved', fired !== undefined && fired.atMs < proof.atMs ? fired : proof);
  }
  const top = Math.max(-1, ...[...seen.keys()].map(rungOf), impliedRung(events));
  const reached: PhaseReached[] = [];
  // Of the rung above; of the highest one, none is known.
  let boundMs = Number.POSITIVE_INFINITY;
  const topMs = topTime(events, seen);
  for (const phase of PHASES.toReversed()) {
    if (rungOf(phase) > top) continue;
    const sign = seen.get(phase);
    if (sign !== undefined) {
      // A log that was read from memory, or a sample of a vCPU that was stopped long before, tells that it happened, and not
      // when: no later than the next rung.
      const late = sign.atMs > boundMs;
      boundMs = Math.min(boundMs, sign.atMs);
      reached.push({ phase, atMs: boundMs, how: late ? 'implied' : isFromLog(sign) ? 'read' : 'observed' });
    } else if (IMPLIABLE.has(phase) && !(phase === 'cpus-shot-down' && ranOn(events))) {
      boundMs = Math.min(boundMs, topMs);
      reached.push({ phase, atMs: boundMs, how: 'implied' });
    }
  }
  return reached.toReversed();
}

/** Rungs of the crash path itself: a later one cannot be reached without them. */
const IMPLIABLE: ReadonlySet<Phase> = new Set([
  'fired',
  'panic-entered',
  'cpus-shot-down',
  'irqchips-quiesced',
  'kexec-jump',
  'purgatory',
  'capture-banner',
]);

/** A vCPU ran the crashed kernel beside the capture kernel: the shootdown missed it. */
function ranOn(events: readonly RunEvent[]): boolean {
  return first(events, 'cpu-not-stopped') !== undefined;
}

/** A vCPU in the capture kernel's own code has passed purgatory even if no sample shows that. */
function impliedRung(events: readonly RunEvent[]): number {
  const started = first(
    events,
    'jumped',
    (event) => event.place === 'capture-start' || event.place === 'capture-kernel',
  );
  return started === undefined ? -1 : rungOf('purgatory');
}

function topTime(events: readonly RunEvent[], seen: ReadonlyMap<Phase, RunEvent>): number {
  const signs = [...seen.values()];
  const shown = signs.filter((event) => !isFromLog(event));
  const top = shown.length === 0 ? signs : shown;
  const jumped = events.findLast((event) => event.type === 'jumped');
  return Math.max(0, ...top.map((event) => event.atMs), jumped?.atMs ?? 0);
}

/** An event of a kernel's log that was read from memory. */
function isFromLog(event: RunEvent): boolean {
  return event.type !== 'host' && event.at.source === 'host';
}
