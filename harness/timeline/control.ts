import { z } from 'zod';
import type { AddressRange, EventBody, EventType } from '../model/event.js';
import { parseArmed, parseRanges } from './armed.js';
import { escapeGuestText } from '../model/escape.js';
import { readExercise } from './exercise.js';
import { parseCpuList } from './cpu-list.js';
import { parseHardware } from './hardware-facts.js';
import { parseTimers } from './timers.js';
import { readVmcore } from './vmcore.js';
import { number, readChunks, readEnd } from './vmcore-read.js';

/** Longest frame that crashpath's own images send: a vmcore frame with 256 KiB of notes in base64. */
export const MAX_FRAME_BYTES = 512 * 1024;

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** /sys/devices/system/cpu/online; absent in frames of older images. */
const online = z.string().max(1024).optional();
/** Numbers as the reader of the vmcore writes them. */
const hex64 = z.string().regex(/^[0-9a-f]{16}$/);
const hex32 = z.string().regex(/^[0-9a-f]{8}$/);

const Frame = z.discriminatedUnion('ev', [
  z.object({ ev: z.literal('hello'), release: base64, cpus: count, modulesFailed: base64 }),
  z.object({ ev: z.literal('armed'), id: count, out: base64 }),
  z.object({ ev: z.literal('firing'), id: count, online, ram: z.string().max(65_536).optional() }),
  z.object({
    ev: z.literal('reply'),
    id: count,
    status: count,
    out: base64,
    online,
    named: z.boolean().optional(),
  }),
  z.object({ ev: z.literal('capture-hello'), release: base64, cmdline: base64 }),
  z.object({ ev: z.literal('vmcore'), size: count, head: base64, notes: base64, uts: base64 }),
  z.object({ ev: z.literal('vmcore-missing'), why: base64 }),
  z.object({
    ev: z.literal('vmcore-chunks'),
    first: hex64,
    chunks: z.string().regex(/^(?:[0-9a-f]{24}){1,8}$/),
  }),
  z.object({
    ev: z.literal('vmcore-read'),
    size: hex64,
    unreadable: hex64,
    at: hex64,
    errno: hex32,
    seen: z.string().regex(/^[0-9a-f]{256}$/),
    sum: hex64,
    // Absent in frames of older images, which read everything.
    mapped: hex64.optional(),
    mapErrno: hex32.optional(),
    unlike: hex64.optional(),
    unread: hex64.optional(),
  }),
  z.object({ ev: z.literal('vmcore-reader'), status: count }),
  z.object({
    ev: z.literal('capture-facts'),
    dmesgLines: count,
    cpus: count.optional(),
    modulesFailed: base64,
    interrupts: base64,
    timers: base64.optional(),
    // Absent in frames of older images.
    hardware: base64.optional(),
  }),
  z.object({ ev: z.literal('dump'), status: count, level: count, said: base64.max(4096) }),
  z.object({ ev: z.literal('exercise'), device: base64, before: base64, after: base64, received: count }),
  z.object({ ev: z.literal('capture-done'), taint: count.nullable().optional() }),
]);

/** What only the first kernel's living init sends. */
export const ANSWERS: ReadonlySet<EventType> = new Set(['hello', 'armed', 'reply']);

const FRAME_START = 'CP1 {';

/** Whether a line of the control channel has what begins a frame; without, it is `control-noise`. */
export function isFrame(line: string): boolean {
  return line.includes(FRAME_START);
}

/**
 * Reads one line of the control channel. Anything that is not a well-formed frame of crashpath's own init is
 * `control-noise`: kept as evidence, never trusted.
 */
export function readControlLine(line: string): EventBody {
  // A frame may follow an unfinished one: the guest died while it was writing.
  const start = line.lastIndexOf(FRAME_START);
  if (start < 0) return { type: 'control-noise', why: `not a frame: ${escapeGuestText(line, 60)}` };
  let json: unknown;
  try {
    json = JSON.parse(line.slice(start + 4));
  } catch {
    return { type: 'control-noise', why: `frame is not JSON: ${escapeGuestText(line.slice(start), 60)}` };
  }
  const parsed = Frame.safeParse(json);
  if (!parsed.success) {
    return { type: 'control-noise', why: `unknown frame: ${escapeGuestText(line.slice(start), 60)}` };
  }
  const frame = parsed.data;
  switch (frame.ev) {
    case 'hello':
      return {
        type: 'hello',
        release: text(frame.release),
        cpus: frame.cpus,
        modulesFailed: text(frame.modulesFailed).trim(),
      };
    case 'armed':
      return { type: 'armed', armed: parseArmed(text(frame.out)) };
    case 'firing':
      return { type: 'firing', ...onlineIn(frame), ...ramIn(frame) };
    case 'reply':
      return {
        type: 'reply',
        id: frame.id,
        status: frame.status,
        output: text(frame.out),
        ...onlineIn(frame),
        ...(frame.named === undefined ? {} : { named: frame.named }),
      };
    case 'capture-hello':
      return { type: 'capture-hello', release: text(frame.release), commandLine: text(frame.cmdline).trim() };
    case 'vmcore': {
      const vmcore = readVmcore({
        sizeBytes: frame.size,
        head: bytes(frame.head),
        notes: bytes(frame.notes),
        uts: bytes(frame.uts),
      });
      return vmcore === undefined
        ? { type: 'vmcore-missing', why: 'the head of /proc/vmcore is not that of an ELF core' }
        : { type: 'vmcore', vmcore };
    }
    case 'vmcore-missing':
      return { type: 'vmcore-missing', why: text(frame.why) };
    case 'vmcore-chunks':
      return { type: 'vmcore-chunks', first: number(frame.first), chunks: readChunks(frame.chunks) };
    case 'vmcore-read':
      return { type: 'vmcore-read', read: readEnd(frame) };
    case 'vmcore-reader':
      return { type: 'vmcore-reader', status: frame.status };
    case 'capture-facts':
      return {
        type: 'capture-facts',
        dmesgLines: frame.dmesgLines,
        ...(frame.cpus === undefined ? {} : { cpus: frame.cpus }),
        modulesFailed: text(frame.modulesFailed).trim(),
        interrupts: text(frame.interrupts),
        ...(frame.timers === undefined ? {} : { timers: parseTimers(text(frame.timers)) }),
        ...(frame.hardware === undefined ? {} : { hardware: parseHardware(text(frame.hardware)) }),
      };
    case 'dump':
      return {
        type: 'dump',
        status: frame.status,
        level: frame.level,
        said: escapeGuestText(text(frame.said).trim(), 400),
      };
    case 'exercise':
      return {
        type: 'exercise',
        exercise: readExercise({
          device: text(frame.device),
          before: text(frame.before),
          after: text(frame.after),
          received: frame.received,
        }),
      };
    case 'capture-done':
      return { type: 'capture-done', ...(typeof frame.taint === 'number' ? { taint: frame.taint } : {}) };
  }
}

function onlineIn(frame: { readonly online?: string | undefined }): { readonly online?: readonly number[] } {
  const cpus = frame.online === undefined ? undefined : parseCpuList(frame.online);
  return cpus === undefined ? {} : { online: cpus };
}

function ramIn(frame: { readonly ram?: string | undefined }): { readonly ram?: readonly AddressRange[] } {
  return frame.ram === undefined ? {} : { ram: parseRanges(frame.ram) };
}

function bytes(encoded: string): Buffer {
  return Buffer.from(encoded, 'base64');
}

function text(encoded: string): string {
  return bytes(encoded).toString('latin1');
}
