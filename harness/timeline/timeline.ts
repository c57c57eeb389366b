import { z } from 'zod';
import type { Armed, EventBody, EventSource, RunEvent } from '../model/event.js';
import { crashPathRank } from '../model/place.js';
import type { Channel, RunRecord } from '../model/record.js';
import { createConsoleReader } from './console.js';
import { MAX_FRAME_BYTES, readControlLine } from './control.js';
import { createHangDetector, type HangLimits } from './hang.js';
import { createIdleDetector } from './idle-hang.js';
import { type ChannelLine, createLineSplitter } from './lines.js';
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
}

/** A timeline for one run. Reading is pure: no clock, no files; times come from the records. */
export function createTimeline(limits: HangLimits): Timeline {
  const splitters = {
    console: createLineSplitter(MAX_CONSOLE_LINE_BYTES),
    control: createLineSplitter(MAX_FRAME_BYTES),
  };
  const console = createConsoleReader();
  const whereabouts = createWhereabouts(limits);
  let lastMs = 0;

  function readLine(channel: Channel, line: ChannelLine, atMs: number): RunEvent[] {
    const at: EventSource = { source: channel, offset: line.offset, length: line.length };
    const bodies = channel === 'console' ? console.line(line.text) : [readControlLine(line.text)];
    for (const body of bodies) whereabouts.note(body);
    return bodies.map((body) => ({ atMs, at, ...body }));
  }

  return {
    push(record) {
      switch (record.kind) {
        case 'chunk': {
          lastMs = record.atMs;
          whereabouts.heard();
          const lines = splitters[record.channel].push(record.bytes);
          return lines.flatMap((line) => readLine(record.channel, line, record.atMs));
        }
        case 'qmp': {
          const { atMs } = record.record;
          return readQmp(record.record.message, record.record.direction).map((body) => ({
            atMs,
            at: { source: 'qmp', line: record.line },
            ...body,
          }));
        }
        case 'sample': {
          const { atMs, text } = record.record;
          return whereabouts
            .sample(atMs, text, record.line)
            .map((body) => ({ atMs, at: { source: 'samples', line: record.line }, ...body }));
        }
        case 'host': {
          const { atMs, seq: _seq, ...fact } = record.record;
          const body: EventBody = { type: 'host', fact };
          whereabouts.note(body);
          return [{ atMs, at: { source: 'host', line: record.line }, ...body }];
        }
      }
    },
    finish() {
      const rests = (['console', 'control'] as const).flatMap((channel) => {
        const rest = splitters[channel].flush();
        return rest === undefined ? [] : readLine(channel, rest, lastMs);
      });
      return [...rests, ...whereabouts.finish()];
    },
  };
}

/** QEMU qapi/run-state.json, event SHUTDOWN. */
const ShutdownData = z.object({ guest: z.boolean(), reason: z.string().max(64) });

function readQmp(message: Record<string, unknown>, direction: 'in' | 'out'): EventBody[] {
  if (direction !== 'in' || message['event'] !== 'SHUTDOWN') return [];
  const data = ShutdownData.safeParse(message['data']);
  return data.success ? [{ type: 'shutdown', byGuest: data.data.guest, reason: data.data.reason }] : [];
}

interface Whereabouts {
  note(body: EventBody): void;
  /** The guest sent bytes, whole lines or not. */
  heard(): void;
  sample(atMs: number, text: string, line: number): EventBody[];
  finish(): RunEvent[];
}

/** Follows the vCPUs from the moment of firing: parked by the shootdown, jumped, arrived, hung. */
function createWhereabouts(limits: HangLimits): Whereabouts {
  let armed: Armed | undefined;
  let fired = false;
  let panicked = false;
  let parked = false;
  let furthest = crashPathRank('first-kernel');
  let hung = false;
  const detect = createHangDetector(limits);
  const idle = createIdleDetector(limits.idleHangMs);
  const stoppedCpus = createStoppedCpus();
  return {
    heard: () => idle.heard(),
    note(body) {
      if (body.type === 'armed') armed = body.armed;
      if (body.type === 'firing' || (body.type === 'host' && body.fact.fact === 'fired')) fired = true;
      if (body.type === 'panic') panicked = true;
      stoppedCpus.note(body);
    },
    finish: () => stoppedCpus.finish(),
    sample(atMs, text, line) {
      if (!fired) return [];
      const events: EventBody[] = [];
      const vcpus = readVcpus(text, armed);
      stoppedCpus.sample(vcpus, { atMs, line });
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
      const hang = hung ? undefined : (detect(atMs, vcpus) ?? idle.sample(atMs, vcpus));
      if (hang !== undefined) {
        hung = true;
        events.push({ type: 'hang', ...hang });
      }
      return events;
    },
  };
}
