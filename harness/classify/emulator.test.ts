import t from 'tap';
import type { RunPlan } from '../plan/run-plan.js';
import type { RunRecord } from '../model/record.js';
import { readFixture, verdictOf } from '../testing/recordings/fixtures.js';

const RECORDED = await readFixture('harness-error-stale-code');

function verdictWith(changes: {
  qemu?: string;
  accel?: 'kvm' | 'tcg';
  code?: string;
  cpus?: number;
  append?: string;
  captureAppend?: string;
}): string {
  const { plan, records } = RECORDED;
  const { qemu = plan.qemu.version, accel = plan.accel.accel, code, cpus = plan.machine.cpus } = changes;
  const changed: RunPlan = {
    ...plan,
    qemu: { ...plan.qemu, version: qemu },
    accel: { ...plan.accel, accel },
    append: changes.append ?? plan.append,
    captureAppend: changes.captureAppend ?? plan.captureAppend,
    machine: { ...plan.machine, cpus },
  };
  const told = code === undefined ? records : records.map((record) => withCode(record, code));
  const { word, detail } = verdictOf(told, changed);
  return `${word}/${detail}`;
}

/** The byte before RIP in the recording's reports, which is 66 there; lengths stay. */
function withCode(record: RunRecord, byte: string): RunRecord {
  if (record.kind !== 'chunk') return record;
  const text = record.bytes.toString('latin1').replaceAll('66 <90>', `${byte} <90>`);
  return { ...record, bytes: Buffer.from(text, 'latin1') };
}

void t.test('a stale translation of the emulator shows nothing about the kernel', async (t) => {
  t.equal(verdictWith({}), 'harness-error/emulator-stale-code');
  t.equal(verdictWith({ qemu: '8.0.5 (Debian)' }), 'harness-error/emulator-stale-code');
});

void t.test('where the emulator is not to blame, the kernel is', async (t) => {
  t.equal(
    verdictWith({ code: 'eb' }),
    'harness-error/emulator-stale-code',
    'the recording is changed at all',
  );
  t.equal(verdictWith({ code: 'cc' }), 'boot-failed/panic-during-boot', 'the int3 is there');
  t.equal(verdictWith({ code: '03' }), 'boot-failed/panic-during-boot', 'its other encoding');
  t.equal(verdictWith({ code: '67' }), 'boot-failed/panic-during-boot', 'nothing that the kernel patches');
  t.equal(verdictWith({ cpus: 1 }), 'boot-failed/panic-during-boot', 'nobody patches meanwhile');
  for (const append of ['nr_cpus=1', 'quiet maxcpus=1', 'nosmp']) {
    t.equal(verdictWith({ append }), 'boot-failed/panic-during-boot', `${append}: one CPU`);
  }
  t.equal(verdictWith({ append: 'nr_cpus=2' }), 'harness-error/emulator-stale-code');
  t.equal(
    verdictWith({ captureAppend: 'nr_cpus=1' }),
    'harness-error/emulator-stale-code',
    'of the other kernel',
  );
  t.equal(verdictWith({ qemu: '8.1.0' }), 'boot-failed/panic-during-boot', 'fixed in 8.1');
  t.equal(verdictWith({ qemu: '10.0.2 (Debian)' }), 'boot-failed/panic-during-boot');
  t.equal(verdictWith({ qemu: 'unknown' }), 'boot-failed/panic-during-boot');
  t.equal(verdictWith({ accel: 'kvm' }), 'boot-failed/panic-during-boot');
});
