import type { EventOf, Progress } from '../model/event.js';
import { executesNewCode, talks } from '../timeline/progress.js';
import type { Check, Facts, Finding } from './facts.js';
import { type FactEvent, factsOf, first, firstFact } from './phases.js';

/**
 * A host that gave the guest less than this part of the time, until the limit of the whole run ended it, shows nothing
 * about the guest: no rung's own deadline had passed.
 */
const STARVED_PART = 0.5;

/** Why a run that was out of time shows nothing about what followed. */
export interface Unfinished {
  readonly detail: 'still-working' | 'still-waiting' | 'host-starved';
  /** What the guest was doing, for people. */
  readonly how: string;
  readonly evidence: readonly (EventOf<'progress'> | FactEvent<'deadline'> | FactEvent<'examination'>)[];
}

/** Out of time, while the guest worked or waited, or the host gave it no time: no hang, and no capture either. */
export const unfinishedCheck: Check = (facts) => {
  const { events, captureEntered, captureUserspace, furthest, panic } = facts;
  const isProved =
    first(events, 'hang') !== undefined ||
    firstFact(events, 'channel-limit') !== undefined ||
    first(events, 'panic-ended', (event) => event.side === 'production') !== undefined;
  const unfinished = isProved ? undefined : unfinishedOf(facts);
  if (unfinished === undefined) return undefined;
  const where =
    captureUserspace !== undefined
      ? "the capture kernel's userspace"
      : captureEntered !== undefined
        ? 'the capture kernel'
        : furthest?.place === 'purgatory'
          ? 'purgatory'
          : 'the crash path';
  return {
    word: 'cannot-tell',
    detail: unfinished.detail,
    explanation: `${where} had no time to end: ${unfinished.how}; ${REMEDY[unfinished.detail]}`,
    evidence: [panic, furthest ?? captureEntered, ...unfinished.evidence],
  };
};

const REMEDY = {
  'still-working': 'give it more with --timeout-scale',
  'still-waiting': 'give it more with --timeout-scale',
  'host-starved': 'run again with less beside it, or with --timeout-scale',
} as const;

/** The reason for which the run's deadline says nothing about the guest; undefined when it does, or none passed. */
export function unfinishedOf({
  events,
  captureEntered,
  captureUserspace,
  furthest,
  fired,
}: Facts): Unfinished | undefined {
  const deadline = firstFact(events, 'deadline');
  if (deadline === undefined) return undefined;
  const progress = first(events, 'progress', ({ at }) => isSamePlace(at, deadline.at));
  if (progress !== undefined && talks(progress.progress)) {
    const how = `it was still sending, last ${seconds(progress.progress.silentMs)} s before the deadline`;
    return { detail: 'still-working', how, evidence: [deadline, progress] };
  }
  if (progress !== undefined && executesNewCode(progress.progress)) {
    return {
      detail: 'still-working',
      how: `it was still executing code that it had not executed before${lastCode(progress.progress)}`,
      evidence: [deadline, progress],
    };
  }
  // An examination of an earlier rung says nothing about this one.
  const rungMs = Math.max(
    0,
    ...[captureUserspace, captureEntered, furthest, fired].map((event) => event?.atMs ?? 0),
  );
  const examinations = factsOf(events, 'examination').filter(({ atMs }) => atMs >= rungMs);
  const examined = examinations.at(-1);
  // What is left of a kernel handles its timer interrupts, and one of two looks may meet one.
  const isLeftOver =
    captureEntered === undefined && examinations.slice(-2).some((each) => diedOfFault(events, each));
  if (!isLeftOver && (examined?.fact.finding === 'waiting' || examined?.fact.finding === 'working')) {
    const detail = examined.fact.finding === 'waiting' ? 'still-waiting' : 'still-working';
    return {
      detail,
      how: `it was ${examined.fact.finding}: ${examined.fact.why}`,
      evidence: [examined, deadline],
    };
  }
  const { backstop, ownMs, wallMs } = deadline.fact;
  if (backstop === true && ownMs !== undefined && wallMs !== undefined && ownMs < wallMs * STARVED_PART) {
    return {
      detail: 'host-starved',
      how: `QEMU's threads got only ${seconds(ownMs)} s of the run's ${seconds(wallMs)} s`,
      evidence: [deadline],
    };
  }
  return undefined;
}

/**
 * The crashed kernel reported a fault of its crash path, which ends the thread that carries it (kernel/exit.c,
 * make_task_dead(), v6.1), and no vCPU runs any more: what sleeps is what is left of the kernel.
 */
function diedOfFault(events: Facts['events'], { fact }: FactEvent<'examination'>): boolean {
  const panic = events.findIndex((event) => event.type === 'panic' && event.side === 'production');
  return (
    panic >= 0 &&
    fact.vcpus.length > 0 &&
    fact.vcpus.every(({ state }) => state !== 'running') &&
    events
      .slice(panic)
      .some((event) => event.type === 'oops' && event.side === 'production' && !isWarning(event))
  );
}

/** A warning ends nothing. */
function isWarning({ message }: EventOf<'oops'>): boolean {
  return message.startsWith('WARNING: ');
}

function isSamePlace(one: EventOf<'host'>['at'], other: EventOf<'host'>['at']): boolean {
  return 'line' in one && 'line' in other && one.source === other.source && one.line === other.line;
}

function lastCode({ lastCode: code }: Progress): string {
  return code === undefined ? '' : `, last at ${code.rip} (${code.place})`;
}

function seconds(ms: number | undefined): string {
  return ((ms ?? 0) / 1000).toFixed(1);
}

/** A guest that printed more than is recorded was not followed any further: it may print for ever, or end. */
export function flooded(flood: FactEvent<'channel-limit'>, seen: Finding['evidence']): Finding {
  const { channel, limitBytes } = flood.fact;
  return {
    word: 'cannot-tell',
    detail: 'console-flood',
    explanation: `the guest was still printing when its ${channel} channel had ${limitBytes} bytes, the most that is recorded; whether it ends is not known`,
    evidence: [...seen, flood],
  };
}
