import { z } from 'zod';
import type { Armed, EventBody, EventSource, Progress, RunEvent, VcpuState } from '../model/event.js';
import { crashPathRank } from '../model/place.js';
import type { Channel, HostFact, RunRecord } from '../model/record.js';
import { createConsoleReader } from './console.js';
import { ANSWERS, isFrame, MAX_FRAME_BYTES, readControlLine } from './control.js';
import { createFold } from './folding.js';
import { allHalted, createHangDetector, type HangLimits } from './hang.js';
import { createLogMerger } from './kernel-log.js';
import { type ChannelLine, createLineSplitter } from './lines.js';
import { createOwnTime } from './own-time.js';
import { createProgressTracker, type OffStreak } from './progress.js';
import { createSuspicionDetector } from './suspicion.js';
import { createStoppedCpus } from './stopped-cpus.js';
import { readVcpus } from './vcpus.js';

/** Longest console line that is read as one; printk's own limit is about 1 KiB (kernel/printk, LOG_LINE_MAX). */
const MAX_CONSOLE_LINE_BYTES = 16 * 1024;

/** Turns the recording into events as it arrives; the same bytes in any chunks give the same events. */
export interface Timeline {
  /** Takes the next record and returns the events that it completed. */
  push(record: RunRecord): RunEvent[];
  /** Ends the recording: unfinished last lines are read as they are. */
  finish(): RunEvent[];
  /** The guest's own time at a moment of the recording, milliseconds. */
  ownMs(atMs: number): number;
  /** What the guest has done when a deadline of `limitMs` passes at this moment. */
  progress(atMs: number, limitMs: number): Progress;
  /** Whether the latest sample shows a vCPU that takes interrupts; true without samples. */
  takesInterrupts(): boolean;
  /** See {@link ProgressTracker.offStreaks}. */
  offStreaks(): readonly OffStreak[];
}

/** Limits of {@link createTimeline}. */
export interface TimelineLimits extends HangLimits {
  readonly quietMs: number;
}

/** A timeline for one run. Reading is pure: no clock, no files; times come from the records. */
export function createTimeline(limits: TimelineLimits): Timeline {
  const splitters = {
    console: createLineSplitter(MAX_CONSOLE_LINE_BYTES),
    control: createLineSplitter(MAX_FRAME_BYTES),
  };
  const console = createConsoleReader();
  const logs = createLogMerger();
  const fold = createFold();
  const own = createOwnTime();
  const done = createProgressTracker(limits.quietMs);
  const whereabouts = createWhereabouts(limits, (atMs, vcpus) => done.sample(vcpus, own.at(atMs)));
  let lastMs = 0;

  /** Reads a line, and adds its events. */
  function readLine(channel: Channel, line: ChannelLine, { atMs, events }: Reading): void {
    const where = (): EventSource => ({ source: channel, offset: line.offset, length: line.length });
    if (channel === 'console') {
      const bodies = console.line(line.text);
      done.consoleLine(line.text, own.at(atMs), console);
      if (bodies.length > 0) take(bodies, where(), { atMs, events });
      return;
    }
    // What makes no event need not be described.
    const body = !isFrame(line.text) && fold.isFull(NOISE, atMs) ? NOISE : readControlLine(line.text);
    done.controlLine(body.type, own.at(atMs));
    if (body.type !== 'control-noise') fold.turn();
    take([body], where(), { atMs, events });
  }

  function take(bodies: readonly EventBody[], at: EventSource, { atMs, events }: Reading): void {
    for (const body of bodies) {
      if (ANSWERS.has(body.type) && !whereabouts.fired) console.firstKernelRuns();
      whereabouts.note(body);
      if (!fold.keep(body, atMs, at)) continue;
      logs.note(body);
      events.push({ atMs, at, ...body });
    }
  }

  function progress(atMs: number, limitMs: number): Progress {
    return done.at({ ownMs: own.at(atMs), wallMs: atMs }, limitMs);
  }

  return {
    push(record) {
      switch (record.kind) {
        case 'chunk': {
          lastMs = record.atMs;
          whereabouts.heard();
          const events: RunEvent[] = [];
          const reading = { atMs: record.atMs, events };
          for (const line of splitters[record.channel].push(record.bytes)) {
            readLine(record.channel, line, reading);
          }
          done.heard(record.channel, record.bytes, own.at(record.atMs));
          return events;
        }
        case 'qmp': {
          const { atMs } = record.record;
          const bodies = readQmp(record.record.message, record.record.direction);
          for (const body of bodies) whereabouts.note(body);
          if (bodies.length > 0) fold.turn();
          return bodies.map((body) => ({ atMs, at: { source: 'qmp', line: record.line }, ...body }));
        }
        case 'sample': {
          const { atMs, text } = record.record;
          own.sampled();
          const bodies = whereabouts.sample(atMs, text, record.line);
          if (bodies.some((body) => body.type === 'jumped' && body.place === 'capture-kernel')) {
            console.captureRuns();
          }
          if (bodies.length > 0) fold.turn();
          return bodies.map((body) => ({ atMs, at: { source: 'samples', line: record.line }, ...body }));
        }
        case 'host': {
          const { atMs, seq: _seq, ...fact } = record.record;
          const at: EventSource = { source: 'host', line: record.line };
          const bodies: EventBody[] = [{ type: 'host', fact }];
          if (fact.fact === 'kernel-log') {
            // Of a kind that the console showed too often to keep it, the log adds nothing.
            bodies.push(...logs.log(fact.side, fact.text).filter((body) => !fold.hasDropped(body)));
          }
          if (fact.fact === 'host-time') own.hostTime(atMs, fact.threads);
          if (fact.fact === 'examination') own.stopped(fact.tookMs);
          if (fact.fact === 'deadline' || fact.fact === 'watch-ended')
            bodies.push({ type: 'progress', progress: progress(atMs, limitOf(fact)) });
          for (const body of bodies) whereabouts.note(body);
          if (fact.fact !== 'host-time') fold.turn();
          if (fact.fact === 'examination') bodies.push(...whereabouts.examined(atMs, fact));
          return bodies.map((body) => ({ atMs, at, ...body }));
        }
      }
    },
    ownMs: (atMs) => own.at(atMs),
    progress: (atMs, limitMs) => progress(atMs, limitMs),
    takesInterrupts: () => done.takesInterrupts,
    offStreaks: () => done.offStreaks,
    finish() {
      const events: RunEvent[] = [];
      for (const channel of ['console', 'control'] as const) {
        const rest = splitters[channel].flush();
        if (rest !== undefined) readLine(channel, rest, { atMs: lastMs, events });
      }
      return [...events, ...whereabouts.finish(), ...fold.finish()];
    },
  };
}

const NOISE: EventBody = { type: 'control-noise', why: '' };

/** When lines are read, and where their events go. */
interface Reading {
  readonly atMs: number;
  readonly events: RunEvent[];
}

function limitOf(fact: HostFact): number {
  return fact.fact === 'deadline' ? fact.limitMs : Number.POSITIVE_INFINITY;
}

/** QEMU qapi/run-state.json, event SHUTDOWN; SUSPEND and WAKEUP have no data. */
const ShutdownData = z.object({ guest: z.boolean(), reason: z.string().max(64) });

function readQmp(message: Record<string, unknown>, direction: 'in' | 'out'): EventBody[] {
  if (direction !== 'in') return [];
  if (message['event'] === 'SUSPEND') return [{ type: 'suspended' }];
  if (message['event'] === 'WAKEUP') return [{ type: 'woken' }];
  if (message['event'] !== 'SHUTDOWN') return [];
  const data = ShutdownData.safeParse(message['data']);
  return data.success ? [{ type: 'shutdown', byGuest: data.data.guest, reason: data.data.reason }] : [];
}

type Examination = Extract<HostFact, { fact: 'examination' }>;

interface Whereabouts {
  readonly fired: boolean;
  note(body: EventBody): void;
  /** The guest sent bytes, whole lines or not. */
  heard(): void;
  sample(atMs: number, text: string, line: number): EventBody[];
  /** The machine was stopped and examined. */
  examined(atMs: number, fact: Examination): EventBody[];
  finish(): RunEvent[];
}

/** Follows the vCPUs from the moment of firing: parked by the shootdown, jumped, arrived, hung. */
function createWhereabouts(
  limits: HangLimits,
  seen: (atMs: number, vcpus: readonly VcpuState[]) => void,
): Whereabouts {
  let armed: Armed | undefined;
  let fired = false;
  let panicked = false;
  let silent = false;
  let parked = false;
  let furthest = crashPathRank('first-kernel');
  let hung = false;
  /** An examination found that something may still wake vCPUs which are all halted with interrupts off. */
  let mayWake = false;
  /** No vCPU runs any more: samples show again and again where they stand, and no time passes. */
  let stopped = false;
  /** The machine is suspended to memory: its vCPUs do not run. */
  let asleep = false;
  let last: readonly VcpuState[] = [];
  const detect = createHangDetector(limits);
  const suspicion = createSuspicionDetector();
  const stoppedCpus = createStoppedCpus();

  /**
   * A first kernel that did not panic may be idle for as long as it likes. One that runs with interrupts off may be on
   * the crash path and unable to print the panic: the console's lock is held.
   */
  const isSuspectable = (vcpus: readonly VcpuState[]) =>
    panicked ||
    silent ||
    furthest > crashPathRank('first-kernel') ||
    vcpus.some(({ halted, interruptsOn, place }) => !halted && !interruptsOn && place === 'first-kernel');

  return {
    get fired() {
      return fired;
    },
    heard: () => suspicion.heard(),
    note(body) {
      if (body.type === 'armed') armed = body.armed;
      if (body.type === 'firing' || (body.type === 'host' && body.fact.fact === 'fired')) fired = true;
      // With panic_on_oops, oops_end() calls crash_kexec() without a panic (arch/x86/kernel/dumpstack.c, v6.1).
      if (body.type === 'panic' || (fired && body.type === 'oops')) panicked = true;
      if (body.type === 'host' && body.fact.fact === 'watch-ended') silent = !body.fact.answered;
      if (body.type === 'shutdown') stopped = true;
      if (body.type === 'suspended' || body.type === 'woken') asleep = body.type === 'suspended';
      stoppedCpus.note(body);
    },
    finish: () => stoppedCpus.finish(),
    sample(atMs, text, line) {
      if (!fired) return [];
      const events: EventBody[] = [];
      const vcpus = readVcpus(text, armed);
      last = vcpus;
      seen(atMs, vcpus);
      if (!stopped) stoppedCpus.sample(vcpus, { atMs, line });
      const halted = vcpus.filter((vcpu) => vcpu.halted && !vcpu.interruptsOn);
      if (!parked && panicked && vcpus.length > 1 && halted.length >= vcpus.length - 1) {
        parked = true;
        events.push({ type: 'cpus-parked', parked: halted.length });
      }
      for (const vcpu of vcpus) {
        const rank = crashPathRank(vcpu.place);
        if (rank > furthest) {
          furthest = rank;
          events.push({ type: 'jumped', place: vcpu.place, rip: vcpu.rip });
        }
      }
      if (stopped || asleep) return events;
      if (!allHalted(vcpus)) mayWake = false;
      const hang = hung || mayWake ? undefined : detect(atMs, vcpus);
      if (hang !== undefined) {
        hung = true;
        events.push({ type: 'hang', shape: 'all-vcpus-halted', ...hang });
      }
      if (hung) return events;
      if (!isSuspectable(vcpus)) {
        suspicion.heard();
        return events;
      }
      const suspected = suspicion.sample(atMs, vcpus);
      if (suspected !== undefined) events.push({ type: 'suspected-hang', ...suspected });
      return events;
    },
    examined(atMs, { finding, shape }) {
      const forMs = atMs - (suspicion.sinceMs ?? atMs);
      suspicion.examined();
      mayWake = finding !== 'hung' && allHalted(last);
      if (hung || finding !== 'hung' || shape === undefined) return [];
      hung = true;
      stopped = true;
      return [{ type: 'hang', shape, forMs, vcpus: last }];
    },
  };
}
