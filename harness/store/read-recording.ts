import { join } from 'node:path';
import type { z } from 'zod';
import { errnoOf, messageOf, reasonFor } from '../model/errno.js';
import { harnessFault } from '../model/fault.js';
import {
  atMsOf,
  type Channel,
  ChunkSchema,
  type HostFact,
  HostRecordSchema,
  QmpRecordSchema,
  type RunRecord,
  SampleSchema,
} from '../model/record.js';
import { RECORDING } from './recorder.js';
import { readStored } from './stored-file.js';

/**
 * Reads a recording back, in its order of arrival. A recording that was cut off (crashpath killed, disk full) is read
 * up to that point: a truncated last line is dropped, bytes without an entry in the index count as a last chunk.
 */
export async function readRecording(directory: string): Promise<RunRecord[]> {
  const records: { seq: number; record: RunRecord }[] = [];
  const bytes: Record<Channel, Buffer> = {
    console: await contents(directory, RECORDING.console),
    control: await contents(directory, RECORDING.control),
  };
  const indexed: Record<Channel, number> = { console: 0, control: 0 };
  for (const { value: chunk } of await jsonLines(directory, RECORDING.chunks, ChunkSchema)) {
    const { channel, offset, length, atMs, seq } = chunk;
    records.push({
      seq,
      record: { kind: 'chunk', atMs, channel, bytes: bytes[channel].subarray(offset, offset + length) },
    });
    indexed[channel] = Math.max(indexed[channel], offset + length);
  }
  for (const { line, value: record } of await jsonLines(directory, RECORDING.qmp, QmpRecordSchema)) {
    records.push({ seq: record.seq, record: { kind: 'qmp', line, record } });
  }
  for (const { line, value: record } of await jsonLines(directory, RECORDING.samples, SampleSchema)) {
    records.push({ seq: record.seq, record: { kind: 'sample', line, record } });
  }
  for (const { line, value: record } of await jsonLines(directory, RECORDING.host, HostRecordSchema)) {
    records.push({ seq: record.seq, record: { kind: 'host', line, record } });
  }
  const ordered = records.sort((a, b) => a.seq - b.seq).map(({ record }) => record);
  // Bytes are written before their index line, one record at a time: bytes without one came last.
  const last = ordered.at(-1);
  const atMs = last === undefined ? 0 : atMsOf(last);
  for (const channel of ['console', 'control'] as const) {
    const rest = bytes[channel].subarray(indexed[channel]);
    if (rest.length > 0) ordered.push({ kind: 'chunk', atMs, channel, bytes: rest });
  }
  return ordered;
}

/** Reads back what the host did or saw, in order; lines that are cut off are left out. Throws a harness fault. */
export async function readHostFacts(directory: string): Promise<HostFact[]> {
  const lines = await jsonLines(directory, RECORDING.host, HostRecordSchema);
  return lines.map(({ value }) => value);
}

/** What the host did or saw of one kind, in order. Throws a harness fault. */
export async function readFacts<F extends HostFact['fact']>(
  directory: string,
  kind: F,
): Promise<Extract<HostFact, { fact: F }>[]> {
  const isOfKind = (fact: HostFact): fact is Extract<HostFact, { fact: F }> => fact.fact === kind;
  return (await readHostFacts(directory)).filter(isOfKind);
}

async function contents(directory: string, name: string): Promise<Buffer> {
  try {
    return await readStored(join(directory, name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw harnessFault(
      `cannot read recording "${join(directory, name)}": ${reasonFor(errnoOf(error)) ?? messageOf(error)}; make it a readable file`,
      error,
    );
  }
}

/** The valid lines of a .jsonl file with their numbers; others are left out. */
async function jsonLines<T>(
  directory: string,
  name: string,
  schema: z.ZodType<T>,
): Promise<{ line: number; value: T }[]> {
  const text = (await contents(directory, name)).toString('utf8');
  return text.split('\n').flatMap((content, line) => {
    if (content === '') return [];
    const parsed = schema.safeParse(tryJson(content));
    return parsed.success ? [{ line, value: parsed.data }] : [];
  });
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
