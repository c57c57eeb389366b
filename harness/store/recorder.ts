import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { HOST_CLOCK } from '../host/clock.js';
import type { Clock } from '../machine/clock.js';
import { type Channel, type HostFact, HostRecordSchema, type RunRecord } from '../model/record.js';
import { storeFault } from './store-fault.js';

/** Files of a recording, in a run directory. */
export const RECORDING = {
  console: 'console.bin',
  control: 'control.bin',
  chunks: 'chunks.jsonl',
  qmp: 'qmp.jsonl',
  samples: 'samples.jsonl',
  host: 'host.jsonl',
} as const;

type Stream = keyof typeof RECORDING;

/** Writes the records of a run, bytes first, and returns each for the live timeline. */
export interface Recorder {
  chunk(channel: Channel, bytes: Buffer): RunRecord;
  qmp(direction: 'in' | 'out', message: Record<string, unknown>): RunRecord;
  sample(text: string): RunRecord;
  host(fact: HostFact): RunRecord;
  /** Milliseconds since the recorder was opened. */
  nowMs(): number;
  close(): void;
}

/**
 * Opens a recorder in an existing run directory. Every record is written with one synchronous append before it is
 * judged: a crashpath that is killed leaves everything it had seen, with at most one truncated last line. Records have
 * the times of `time`. Throws a harness fault when a file cannot be written (full disk).
 */
export function openRecorder(directory: string, time: Pick<Clock, 'nowMs'> = HOST_CLOCK): Recorder {
  const startedMs = time.nowMs();
  const open = (stream: Stream) => {
    const path = join(directory, RECORDING[stream]);
    try {
      return openSync(path, 'ax', 0o600);
    } catch (error) {
      throw storeFault('create', path, error);
    }
  };
  const files: Record<Stream, number> = {
    console: open('console'),
    control: open('control'),
    chunks: open('chunks'),
    qmp: open('qmp'),
    samples: open('samples'),
    host: open('host'),
  };
  const lines: Record<Stream, number> = { console: 0, control: 0, chunks: 0, qmp: 0, samples: 0, host: 0 };
  let seq = 0;
  const nowMs = () => Math.round((time.nowMs() - startedMs) * 1000) / 1000;
  const stamp = () => ({ seq: seq++, atMs: nowMs() });

  function append(stream: Stream, bytes: Buffer): void {
    try {
      let written = 0;
      while (written < bytes.length) written += writeSync(files[stream], bytes, written);
    } catch (error) {
      throw storeFault('write', join(directory, RECORDING[stream]), error);
    }
  }

  function appendLine(stream: Stream, record: object): number {
    append(stream, Buffer.from(`${JSON.stringify(record)}\n`));
    return lines[stream]++;
  }

  return {
    nowMs,
    chunk(channel, bytes) {
      const record = { ...stamp(), channel, offset: lines[channel], length: bytes.length };
      append(channel, bytes);
      // For a channel the counter counts bytes.
      lines[channel] += bytes.length;
      appendLine('chunks', record);
      return { kind: 'chunk', atMs: record.atMs, channel, bytes };
    },
    qmp(direction, message) {
      const record = { ...stamp(), direction, message };
      return { kind: 'qmp', line: appendLine('qmp', record), record };
    },
    sample(text) {
      const record = { ...stamp(), text };
      return { kind: 'sample', line: appendLine('samples', record), record };
    },
    host(fact) {
      // The order of keys is that of a record that is read back, so that both give the same evidence.
      const record = HostRecordSchema.parse({ ...stamp(), ...fact });
      return { kind: 'host', line: appendLine('host', record), record };
    },
    close() {
      for (const file of Object.values(files)) closeSync(file);
    },
  };
}
