import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { SourceSpec } from '../../plan/source.js';
import { type Interrupts, MachineFailure, type Pulse } from '../machine.js';
import { interruptSource, type SourceTarget } from './interrupt-source.js';

/** A machine that keeps what it is sent, and fails on request. */
function made(): { target: SourceTarget; sent: Pulse[]; failWith: (error: Error) => void } {
  const sent: Pulse[] = [];
  let failure: Error | undefined;
  const interrupts: Pick<Interrupts, 'send'> = {
    async send(pulses) {
      await sleep(1);
      if (failure !== undefined) throw failure;
      sent.push(...pulses);
    },
  };
  return {
    target: { interrupts, pin: 9 },
    sent,
    failWith: (error) => {
      failure = error;
    },
  };
}

const refused = new MachineFailure('refused', { gone: false });
const gone = new MachineFailure('gone', { gone: true });

const VECTOR: SourceSpec = { vector: 209, cpu: 1, perSecond: 100, until: 'end' };

void t.test('messages go to the vCPU, at the rate that was asked for', async (t) => {
  const { target, sent } = made();
  const source = interruptSource(VECTOR, target);
  t.equal(source.name, 'vector 209 to cpu1 at 100/s');
  await source.start();
  await sleep(300);
  await source.stop();
  const { count, forMs, failure } = source.tally();
  t.equal(count, sent.length);
  t.ok(count >= 1 && count <= forMs / 10 + 1, `${count} in ${forMs} ms`);
  t.equal(failure, undefined);
  t.ok(sent.every((pulse) => 'vcpu' in pulse && pulse.vcpu === 1));
  t.strictSame(sent[0], { vcpu: 1, message: { vector: 209 } });
  await source.stop();
  await sleep(30);
  t.equal(sent.length, count, 'nothing comes after it was stopped');
});

void t.test('as fast as possible is faster than a slow rate', async (t) => {
  const { target, sent } = made();
  const source = interruptSource({ nmi: true, cpu: 0, perSecond: 'max', until: 'end' }, target);
  await source.start();
  await sleep(100);
  await source.stop();
  t.ok(sent.length >= 64);
  t.strictSame(sent[0], { vcpu: 0, message: { nmi: true } });
});

void t.test('a held line is asserted once and deasserted at the end; a pulse is both', async (t) => {
  const held = made();
  const line = interruptSource({ pin: 9, drive: 'held', until: 'end' }, held.target);
  await line.start();
  t.match(line.tally(), { count: 1 });
  await line.stop();
  t.strictSame(held.sent, [
    { pin: 9, level: 1 },
    { pin: 9, level: 0 },
  ]);
  const pulsed = made();
  const pulses = interruptSource({ pin: 'acpi', drive: { pulsesPerSecond: 1 }, until: 'end' }, pulsed.target);
  await pulses.start();
  await sleep(50);
  await pulses.stop();
  t.equal(pulses.tally().count, 1);
  t.strictSame(
    pulsed.sent.map((pulse) => ('pin' in pulse ? pulse.level : undefined)),
    [1, 0, 0],
  );
});

void t.test('one NMI is one', async (t) => {
  const { target, sent } = made();
  const source = interruptSource({ nmi: true, cpu: 1, perSecond: 'once', until: 'end' }, target);
  await source.start();
  await source.stop();
  t.strictSame(sent, [{ vcpu: 1, message: { nmi: true } }]);
});

void t.test('a source that breaks says why, and keeps its count', async (t) => {
  const { target, failWith } = made();
  const source = interruptSource(VECTOR, target);
  await source.start();
  await sleep(60);
  const { count } = source.tally();
  failWith(refused);
  await sleep(60);
  t.match(source.tally(), { failure: 'refused' });
  t.ok(source.tally().count >= count);
  failWith(gone);
  await source.stop();
});

void t.test('a source that cannot start rejects; a pin that is not there is refused', async (t) => {
  const { target, failWith } = made();
  failWith(refused);
  await t.rejects(interruptSource({ pin: 9, drive: 'held', until: 'end' }, target).start(), refused);
  t.throws(() => interruptSource({ pin: 9, drive: 'held', until: 'end' }, { ...target, pin: undefined }), {
    message: /pin "9": it was not found/u,
  });
});
