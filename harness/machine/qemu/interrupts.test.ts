import t from 'tap';
import { QmpTimeoutError } from '../../qemu/qmp/index.js';
import { QtestClosedError, type QtestCommand, QtestTimeoutError } from '../../qemu/qtest/index.js';
import { type InterruptParts, qtestInterrupts } from './interrupts.js';

/** Interrupts over a channel that keeps its lines. Each of `failures` is thrown once by the part of its name. */
function made(
  failures: { connectQtest?: Error; apicIds?: Error; ioApicPath?: Error; send?: Error } = {},
  ioApic: string | undefined = '/machine/q35/ioapic',
  accel: 'kvm' | 'tcg' = 'tcg',
) {
  const sent: string[] = [];
  const asked: string[] = [];
  const left = new Map(Object.entries(failures));
  const ask = (what: string) => {
    asked.push(what);
    const failure = left.get(what);
    left.delete(what);
    if (failure !== undefined) throw failure;
  };
  const parts: InterruptParts = {
    async connectQtest() {
      ask('connectQtest');
      return {
        async executeAll(commands: readonly QtestCommand[]) {
          ask('send');
          sent.push(...commands.map(({ line }) => line));
          return [];
        },
      };
    },
    async apicIds() {
      ask('apicIds');
      return new Map([
        [0, 0],
        [1, 4],
      ]);
    },
    async ioApicPath() {
      ask('ioApicPath');
      return ioApic;
    },
    accel,
  };
  return { interrupts: qtestInterrupts(parts), sent, asked };
}

void t.test(
  'a message is a write to the page of the APIC of its vCPU, a pin a line of the IO-APIC',
  async (t) => {
    const { interrupts, sent, asked } = made();
    await interrupts.send([
      { vcpu: 1, message: { vector: 209 } },
      { vcpu: 0, message: { nmi: true } },
      { pin: 9, level: 1 },
    ]);
    await interrupts.send([{ pin: 9, level: 0 }]);
    t.strictSame(sent, [
      'writel 0xfee04000 0xd1',
      'writel 0xfee00000 0x400',
      'set_irq_in /machine/q35/ioapic unnamed-gpio-in 9 1',
      'set_irq_in /machine/q35/ioapic unnamed-gpio-in 9 0',
    ]);
    t.strictSame(
      asked,
      ['connectQtest', 'apicIds', 'ioApicPath', 'send', 'send'],
      'what is known is not asked for',
    );
    t.equal(await interrupts.apicIdOf(1), 4);
  },
);

void t.test('a vCPU or an IO-APIC that is not there is refused', async (t) => {
  const { interrupts } = made({}, '');
  await t.rejects(interrupts.send([{ vcpu: 2, message: { nmi: true } }]), {
    message: /vCPU "2": there are 2/u,
  });
  const parts = made();
  t.equal(await parts.interrupts.ioApicPins(), 24);
});

void t.test('a question that failed once is asked again', async (t) => {
  const late = new QmpTimeoutError('late', 1);
  const { interrupts, sent } = made({
    connectQtest: new QtestTimeoutError('no channel', 1),
    apicIds: late,
    ioApicPath: late,
  });
  const pulses = [{ pin: 9, level: 1 }] as const;
  await t.rejects(interrupts.send(pulses), { name: 'MachineFailure', message: 'no channel', gone: false });
  await t.rejects(interrupts.send(pulses), { name: 'MachineFailure', message: 'late', gone: false });
  await t.rejects(interrupts.ioApicPins(), { name: 'MachineFailure', message: 'late' });
  await interrupts.send(pulses);
  t.equal(sent.length, 1);
});

void t.test('a channel that is closed says that the machine is gone', async (t) => {
  const { interrupts } = made({ send: new QtestClosedError('closed') });
  await t.rejects(interrupts.send([{ vcpu: 0, message: { nmi: true } }]), {
    name: 'MachineFailure',
    gone: true,
  });
});

void t.test("KVM's lines are GSIs: pin 2 is driven by line 0, pin 0 by none", async (t) => {
  const { interrupts, sent } = made({}, '/machine/i440fx/ioapic', 'kvm');
  await interrupts.send([
    { pin: 2, level: 1 },
    { pin: 9, level: 1 },
  ]);
  t.strictSame(sent, [
    'set_irq_in /machine/i440fx/ioapic unnamed-gpio-in 0 1',
    'set_irq_in /machine/i440fx/ioapic unnamed-gpio-in 9 1',
  ]);
  t.strictSame(interrupts.deadPins, [0]);
  t.strictSame(made().interrupts.deadPins, []);
});
