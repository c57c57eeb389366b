import type { Channel, RunRecord } from '../model/record.js';
import type { MemberName } from './form.js';

/** The files of a recording, as the recorder writes them; records are numbered again in their order. Pure. */
export function recordingFiles(records: readonly RunRecord[]): { name: MemberName; bytes: Buffer }[] {
  const bytes: Record<Channel, Buffer[]> = { console: [], control: [] };
  const written: Record<Channel, number> = { console: 0, control: 0 };
  const lines = {
    chunks: [] as string[],
    qmp: [] as string[],
    samples: [] as string[],
    host: [] as string[],
  };
  for (const [seq, record] of records.entries()) {
    switch (record.kind) {
      case 'chunk': {
        const { atMs, channel, bytes: content } = record;
        const chunk = { seq, atMs, channel, offset: written[channel], length: content.length };
        bytes[channel].push(content);
        written[channel] += content.length;
        lines.chunks.push(JSON.stringify(chunk));
        break;
      }
      case 'qmp':
        lines.qmp.push(JSON.stringify({ ...record.record, seq }));
        break;
      case 'sample':
        lines.samples.push(JSON.stringify({ ...record.record, seq }));
        break;
      case 'host':
        lines.host.push(JSON.stringify({ ...record.record, seq }));
        break;
    }
  }
  const text = (of: readonly string[]) => Buffer.from(of.map((line) => `${line}\n`).join(''));
  return [
    { name: 'run/console.bin', bytes: Buffer.concat(bytes.console) },
    { name: 'run/control.bin', bytes: Buffer.concat(bytes.control) },
    { name: 'run/chunks.jsonl', bytes: text(lines.chunks) },
    { name: 'run/qmp.jsonl', bytes: text(lines.qmp) },
    { name: 'run/samples.jsonl', bytes: text(lines.samples) },
    { name: 'run/host.jsonl', bytes: text(lines.host) },
  ];
}
