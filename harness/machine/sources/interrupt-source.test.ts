import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { SourceSpec } from '../../model/source.js';
import {
  QtestClosedError,
  type QtestClient,
  type QtestCommand,
  QtestProtocolError,
} from '../../qemu/qtest/index.js';
import { type Bench, qtestSource } from './interrupt-source.js';

/** A bench whose channel keeps what it is sent, and fails when told to. */
function bench(): { bench: Bench; sent: string[]; failWith: (error: Error) => void } {
  const sent: string[] = [];
  let failure: Error | undefined;
  const qtest: Pick<QtestClient, 'executeAll'> = {
    async executeAll(commands: readonly QtestCommand[]) {
      await sleep(1);
      if (failure !== undefined) throw failure;
      sent.push(...commands.map(({ line }) => line));
      return [];
    },
  };
  return {
    bench: {
      qtest,
      apicIds: new Map([
        [0, 0],
        [1, 4],
      ]),
      pin: { device: '/machine/q35/ioapic', line: 9 },
    },
    sent,
    failWith: (error) => {
      failure = error;
    },
  };
}

const VECTOR: SourceSpec = { vector: 209, cpu: 1, perSecond: 100, until: 'end' };

void t.test('messages go to the APIC of the vCPU, at the rate that was asked for', async (t) => {
  const { bench: made, sent } = bench();
  const source = qtestSource(VECTOR, made);
  t.equal(source.name, 'vector 209 to cpu1 at 100/s');
  await source.start();
  await sleep(300);
  await source.stop();
  const { count, forMs, failure } = source.tally();
  t.equal(count, sent.length);
  t.ok(count >= 1 && count <= forMs / 10 + 1, `${count} in ${forMs} ms`);
  t.equal(failure, undefined);
  t.strictSame([...new Set(sent)], ['writel 0xfee04000 0xd1']);
  await source.stop();
  await sleep(30);
  t.equal(sent.length, count, 'nothing comes after it was stopped');
});

void t.test('as fast as possible is faster than a slow rate', async (t) => {
  const { bench: made, sent } = bench();
  const source = qtestSource({ nmi: true, cpu: 0, perSecond: 'max', until: 'end' }, made);
  await source.start();
  await sleep(100);
  await source.stop();
  t.ok(sent.length >= 64);
  t.strictSame([...new Set(sent)], ['writel 0xfee00000 0x400']);
});

void t.test('a held line is asserted once and let go; a pulse is both', async (t) => {
  const held = bench();
  const line = qtestSource({ pin: 9, drive: 'held', until: 'end' }, held.bench);
  await line.start();
  t.match(line.tally(), { count: 1 });
  await line.stop();
  t.strictSame(held.sent, [
    'set_irq_in /machine/q35/ioapic unnamed-gpio-in 9 1',
    'set_irq_in /machine/q35/ioapic unnamed-gpio-in 9 0',
  ]);
  const pulsed = bench();
  const pulses = qtestSource({ pin: 'acpi', drive: { pulsesPerSecond: 1 }, until: 'end' }, pulsed.bench);
  await pulses.start();
  await sleep(50);
  await pulses.stop();
  t.equal(pulses.tally().count, 1);
  t.strictSame(
    pulsed.sent.map((command) => command.at(-1)),
    ['1', '0', '0'],
  );
});

void t.test('one NMI is one', async (t) => {
  const { bench: made, sent } = bench();
  const source = qtestSource({ nmi: true, cpu: 1, perSecond: 'once', until: 'end' }, made);
  await source.start();
  await source.stop();
  t.strictSame(sent, ['writel 0xfee04000 0x400']);
});

void t.test('a source that breaks says why, and keeps its count', async (t) => {
  const { bench: made, failWith } = bench();
  const source = qtestSource(VECTOR, made);
  await source.start();
  await sleep(60);
  const { count } = source.tally();
  failWith(new QtestProtocolError('refused'));
  await sleep(60);
  t.match(source.tally(), { failure: 'refused' });
  t.ok(source.tally().count >= count);
  failWith(new QtestClosedError('gone'));
  await source.stop();
});

void t.test('a source that cannot start rejects; a vCPU or pin that is not there is refused', async (t) => {
  const { bench: made, failWith } = bench();
  failWith(new QtestProtocolError('Unknown device'));
  await t.rejects(qtestSource({ pin: 9, drive: 'held', until: 'end' }, made).start(), {
    message: 'Unknown device',
  });
  t.throws(() => qtestSource({ ...VECTOR, cpu: 2 }, made), { message: /vCPU "2": there are 2/u });
  t.throws(() => qtestSource({ pin: 9, drive: 'held', until: 'end' }, { ...made, pin: undefined }), {
    message: /pin "9": it was not found/u,
  });
});
