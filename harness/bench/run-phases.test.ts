import { join } from 'node:path';
import t from 'tap';
import { readRecording } from '../store/read-recording.js';
import { TESTDATA } from '../testing/recordings/fixtures.js';
import { phasesOf } from './run-phases.js';

const AROUND = { beforeMs: 1000, afterMs: 200 };

void t.test('the phases of a run follow each other from its start to its exit', async (t) => {
  for (const name of ['captured-6.1', 'crash-path-hang-halted', 'void-load-failed']) {
    const records = await readRecording(join(TESTDATA, name));
    const phases = phasesOf(records, AROUND);
    const last = records.at(-1);
    const endedMs = last?.kind === 'host' ? last.record.atMs : 0;
    const sum = phases.reduce((ms, phase) => ms + phase.ms, 0);
    t.equal(Math.round(sum), Math.round(1000 + endedMs + 200), name);
    t.equal(phases.filter(({ what }) => what === 'the guest, until its end').length, 1, name);
    t.ok(
      phases.every(({ ms }) => ms >= 0),
      name,
    );
  }
});

void t.test(
  'the guest ends with its shutdown, or with its last byte; the machine stands still inside that',
  (t) => {
    const byte = { kind: 'chunk', atMs: 300, channel: 'console', bytes: Buffer.from('x') } as const;
    const event = {
      kind: 'qmp',
      line: 0,
      record: { seq: 1, atMs: 500, direction: 'in', message: { event: 'SHUTDOWN' } },
    } as const;
    const jump = {
      kind: 'host',
      line: 0,
      record: { seq: 2, atMs: 200, fact: 'memory-at-jump', place: 'purgatory', pages: 1, tookMs: 70 },
    } as const;
    const msOf = (what: RegExp, records: Parameters<typeof phasesOf>[0]) =>
      phasesOf(records, AROUND).find((phase) => what.test(phase.what))?.ms;
    t.equal(msOf(/^the guest/, [byte]), 1300);
    t.equal(msOf(/^the guest/, [byte, event]), 0, 'the monitor came with the event');
    t.equal(msOf(/summed/, [jump, byte]), 70);
    t.equal(msOf(/compared/, [byte]), undefined);
    t.end();
  },
);
