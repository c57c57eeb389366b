import { join } from 'node:path';
import t from 'tap';
import type { RunEvent } from '../../model/event.js';
import type { HostFact, RunRecord } from '../../model/record.js';
import { readRecording } from '../../store/read-recording.js';
import { rejudge } from '../../store/rejudge.js';
import { TESTDATA } from '../../testing/recordings/fixtures.js';
import { recordedCosts } from './phases.js';

const AROUND = { beforeMs: 1000, afterMs: 200 };

async function costsOf(name: string) {
  const directory = join(TESTDATA, name);
  const records = await readRecording(directory);
  return { records, ...recordedCosts(records, (await rejudge(directory)).events, AROUND) };
}

void t.test('the phases of a run are all of it, with the CPU time where it is recorded', async (t) => {
  const { phases, records, hangProvedMs, toRunningMs } = await costsOf('captured-hang-after-proof');
  t.strictSame(
    phases.map(({ phase }) => phase),
    ['start', 'boot', 'arming', 'fire', 'jump', 'capture-boot', 'proof', 'after'],
    'it hangs after the proof: the vmcore is not read, nothing powers off',
  );
  const last = records.at(-1);
  const lastedMs = last?.kind === 'host' ? last.record.atMs : 0;
  const sum = (of: (one: (typeof phases)[number]) => number) =>
    phases.reduce((total, one) => total + of(one), 0);
  t.equal(Math.round(sum(({ wallMs }) => wallMs)), Math.round(1000 + lastedMs + 200));
  const recorded = records.flatMap((record) =>
    record.kind === 'host' && record.record.fact === 'host-time' ? [record.record.threads] : [],
  );
  const ranMs = recorded.at(-1)?.reduce((total, thread) => total + thread.ranMs, 0) ?? 0;
  t.equal(Math.round(sum(({ cpuMs }) => cpuMs ?? 0)), Math.round(ranMs));
  t.ok(
    phases.every(({ cpuMs }) => cpuMs !== null && cpuMs >= 0),
    'time does not run backwards',
  );
  t.equal(Math.round(hangProvedMs ?? 0), 7944);
  t.equal(toRunningMs, null, 'no clone');
});

void t.test('an older recording has no CPU time, and a capture no hang', async (t) => {
  const captured = await costsOf('captured-6.1');
  t.ok(captured.phases.every(({ cpuMs }) => cpuMs === null));
  t.equal(captured.hangProvedMs, null);
  t.equal(captured.phases.at(-2)?.phase, 'end', 'the guest powered off');
  const hung = await costsOf('crash-path-hang-ioapic-lock');
  t.equal(Math.round(hung.hangProvedMs ?? 0), 2464);
  t.equal(Math.round(hung.panicAtMs ?? 0), 9256);
  t.notOk(hung.phases.some(({ phase }) => phase === 'capture-boot'));
  const unloaded = await costsOf('void-load-failed');
  t.equal(unloaded.panicAtMs, null);
});

void t.test("a clone begins where its template's part ends", (t) => {
  const host = (atMs: number, fact: HostFact): RunRecord => ({
    ...{ kind: 'host', line: 0, record: { seq: 0, atMs, ...fact } },
  });
  const cpu = (atMs: number, ranMs: number) =>
    host(atMs, { fact: 'host-time', threads: [{ thread: 'main', ranMs, waitedMs: 0 }] });
  const resume: RunRecord = {
    kind: 'qmp',
    line: 0,
    record: { seq: 0, atMs: 9120, direction: 'in', message: { event: 'RESUME' } },
  };
  const records = [
    host(100, { fact: 'proof', what: 'the reservation', proved: true, saw: '' }),
    host(9000, { fact: 'cloned', template: 'templates/001', tookMs: 9000 }),
    host(9040, { fact: 'qemu-started', pid: 1 }),
    cpu(9050, 4),
    resume,
    cpu(9250, 84),
    host(9400, { fact: 'ended', why: 'x' }),
  ];
  const loaded = { status: 0, loaded: true, crashSize: 0n, ranges: [], segments: [], errors: [] };
  const armed: RunEvent = { type: 'armed', atMs: 8000, at: { source: 'host', line: 0 }, armed: loaded };
  const { phases, toRunningMs } = recordedCosts(records, [armed], { beforeMs: 0, afterMs: 10 });
  t.equal(toRunningMs, 120);
  t.strictSame(
    phases.map(({ phase, wallMs, cpuMs }) => [phase, wallMs, Math.round(cpuMs ?? -1)]),
    [
      ['start', 40, 0],
      ['boot', 80, 32],
      ['after', 290, 52],
    ],
    "the template's arming is not the clone's",
  );
  t.end();
});
