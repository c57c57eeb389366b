import { atMsOf, type RunRecord } from '../../model/record.js';
import type { RunEvent } from '../../model/event.js';

/** The phases of a capture, in order. */
export const PHASES = [
  'start',
  'boot',
  'arming',
  'fire',
  'jump',
  'capture-boot',
  'proof',
  'vmcore',
  'end',
  'after',
] as const;
export type Phase = (typeof PHASES)[number];

/** The names of phases for people. */
export const PHASE_NAMES: Readonly<Record<Phase, string>> = {
  start: "start, until QEMU's process",
  boot: 'boot; of a clone, until it runs',
  arming: 'arming',
  fire: 'prepare, prove, fire, panic',
  jump: "panic to the capture kernel's first line",
  'capture-boot': 'capture kernel to its init',
  proof: 'proof of the crashed kernel',
  vmcore: '/proc/vmcore read',
  end: 'report, power-off',
  after: "memory compared, QEMU's end, verdict",
};

/** A moment: time of the host, and the CPU time that QEMU had had; null where that is not known. Milliseconds. */
export interface Moment {
  readonly atMs: number;
  readonly cpuMs: number | null;
}

/** What a phase took. */
export interface PhaseCost {
  readonly phase: Phase;
  readonly wallMs: number;
  /** Of QEMU. */
  readonly cpuMs: number | null;
}

/** The ends of phases; one that was not seen is part of the next one. */
export type PhaseEnds = readonly (readonly [phase: Phase, end: Moment | undefined])[];

/** What each phase took, from the ends. Pure. */
export function costsOf(begin: Moment, ends: PhaseEnds): PhaseCost[] {
  const costs: PhaseCost[] = [];
  let from = begin;
  for (const [phase, end] of ends) {
    if (end === undefined) continue;
    const cpuMs = end.cpuMs === null || from.cpuMs === null ? null : end.cpuMs - from.cpuMs;
    costs.push({ phase, wallMs: end.atMs - from.atMs, cpuMs });
    from = end;
  }
  return costs;
}

/** A crashpath run around its recording, milliseconds: before its first record, and after its last one. */
export interface AroundRecording {
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** What a recording tells of its run's costs. */
export interface RecordedCosts {
  readonly phases: readonly PhaseCost[];
  /** Of a clone: from the start of its run until the guest runs. */
  readonly toRunningMs: number | null;
  /** From the panic to the proof that the guest hangs. */
  readonly hangProvedMs: number | null;
  /** The time of the panic, by the recording's clock. */
  readonly panicAtMs: number | null;
}

/**
 * Takes a run of crashpath apart: times from its records and events, QEMU's CPU time from its `host-time` records, which
 * are a quarter of a second apart, by interpolation. A clone begins where its template's part ends. Pure.
 */
export function recordedCosts(
  records: readonly RunRecord[],
  events: readonly RunEvent[],
  { beforeMs, afterMs }: AroundRecording,
): RecordedCosts {
  const cloned = records.find((record) => factOf(record) === 'cloned');
  const beganMs = cloned === undefined ? 0 : atMsOf(cloned);
  const cpuAt = cpuClock(records);
  const moment = (atMs: number | undefined): Moment | undefined =>
    atMs === undefined ? undefined : { atMs, cpuMs: cpuAt(atMs) };
  const recordMs = (is: (record: RunRecord) => boolean) => {
    const found = records.find((record) => atMsOf(record) >= beganMs && is(record));
    return found === undefined ? undefined : atMsOf(found);
  };
  const eventMs = (...types: RunEvent['type'][]) =>
    events.find(({ type, atMs }) => atMs >= beganMs && types.includes(type))?.atMs;
  const qmpMs = (event: string) =>
    recordMs((record) => record.kind === 'qmp' && record.record.message['event'] === event);
  const panicMs = eventMs('panic');
  const captureMs = events.find(
    ({ type, atMs }) => type === 'kernel-banner' && panicMs !== undefined && atMs >= panicMs,
  )?.atMs;
  const lastMs = atMsOf(
    records.at(-1) ?? { kind: 'chunk', atMs: 0, channel: 'console', bytes: Buffer.alloc(0) },
  );
  const running = cloned === undefined ? undefined : qmpMs('RESUME');
  const hangMs = eventMs('hang');
  const ends: PhaseEnds = [
    ['start', moment(recordMs((record) => factOf(record) === 'qemu-started'))],
    ['boot', moment(cloned === undefined ? eventMs('hello') : running)],
    ['arming', moment(lastBefore(events, { type: 'armed', beganMs, untilMs: panicMs }))],
    ['fire', moment(panicMs)],
    ['jump', moment(captureMs ?? eventMs('capture-command-line'))],
    ['capture-boot', moment(eventMs('capture-hello'))],
    ['proof', moment(eventMs('vmcore'))],
    ['vmcore', moment(eventMs('vmcore-reader', 'vmcore-read'))],
    ['end', moment(qmpMs('SHUTDOWN'))],
    ['after', { atMs: lastMs + afterMs, cpuMs: cpuAt(lastMs) }],
  ];
  return {
    phases: costsOf({ atMs: beganMs - beforeMs, cpuMs: 0 }, inOrder(ends)),
    toRunningMs: running === undefined ? null : running - beganMs,
    hangProvedMs: hangMs === undefined || panicMs === undefined ? null : hangMs - panicMs,
    panicAtMs: panicMs ?? null,
  };
}

/** The crash kernel may be loaded, and reported, more than once. */
function lastBefore(
  events: readonly RunEvent[],
  { type, beganMs, untilMs }: { type: RunEvent['type']; beganMs: number; untilMs: number | undefined },
): number | undefined {
  const until = untilMs ?? Number.POSITIVE_INFINITY;
  return events.findLast((event) => event.type === type && event.atMs >= beganMs && event.atMs <= until)
    ?.atMs;
}

/** Leaves out an end that is earlier than one before it: its phase did not happen, or overlaps. */
function inOrder(ends: PhaseEnds): PhaseEnds {
  let latestMs = Number.NEGATIVE_INFINITY;
  return ends.map(([phase, end]) => {
    if (end === undefined || end.atMs < latestMs) return [phase, undefined];
    latestMs = end.atMs;
    return [phase, end];
  });
}

/** CPU time of all threads of QEMU that a recording tells of, by its clock; null where it does not tell. */
function cpuClock(records: readonly RunRecord[]): (atMs: number) => number | null {
  const known: { atMs: number; cpuMs: number }[] = [];
  for (const record of records) {
    if (record.kind !== 'host') continue;
    const { record: fact } = record;
    if (fact.fact === 'qemu-started') known.push({ atMs: fact.atMs, cpuMs: 0 });
    if (fact.fact === 'host-time') {
      known.push({ atMs: fact.atMs, cpuMs: fact.threads.reduce((sum, { ranMs }) => sum + ranMs, 0) });
    }
  }
  if (known.length < 2) return () => null;
  return (atMs) => {
    const next = known.findIndex((one) => one.atMs >= atMs);
    const after = known[next];
    const before = known[next - 1];
    if (after === undefined) return known.at(-1)?.cpuMs ?? null;
    if (before === undefined) return after.cpuMs;
    const share = (atMs - before.atMs) / Math.max(1, after.atMs - before.atMs);
    return before.cpuMs + share * (after.cpuMs - before.cpuMs);
  };
}

function factOf(record: RunRecord): string | undefined {
  return record.kind === 'host' ? record.record.fact : undefined;
}
