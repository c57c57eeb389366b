import t from 'tap';
import { type QmpClient, QmpClosedError, QmpTimeoutError } from '../../qemu/qmp/index.js';
import { qemuMonitor } from './monitor.js';

/** A monitor over a QMP that keeps the HMP commands and answers each with its own text. */
function made(fail?: () => Error) {
  const commands: string[] = [];
  const samples: string[] = [];
  const execute = async (name: string, args?: { 'command-line'?: string }) => {
    const failure = fail?.();
    if (failure !== undefined) throw failure;
    if (name === 'query-status') return { status: 'running' };
    const command = args?.['command-line'] ?? '';
    commands.push(command);
    return `RIP=0 answer to ${command}`;
  };
  const monitor = qemuMonitor(
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the two commands that are asked for
    { execute: execute as unknown as QmpClient['execute'] },
    {
      // Two sockets of three cores: QEMU leaves gaps.
      apicIds: async () => new Map([0, 1, 2, 3, 4, 5].map((vcpu) => [vcpu, vcpu < 3 ? vcpu : vcpu + 1])),
      log: { sample: (text) => samples.push(text) },
    },
  );
  return { monitor, commands, samples };
}

void t.test('a local APIC is asked for by the number of its vCPU, not by its own', async (t) => {
  const { monitor, commands } = made();
  for (const vcpu of await monitor.vcpus()) await monitor.lapic(vcpu);
  t.strictSame(
    commands,
    [0, 1, 2, 4, 5, 6].map((id) => `info lapic ${id}`),
  );
  t.equal(await monitor.lapic(6), undefined, 'no vCPU has this number, although an APIC has it');
});

void t.test('what QEMU shows', async (t) => {
  const { monitor } = made();
  t.match(await monitor.registers(), /info registers -a/);
  t.match(await monitor.irqchips(), /info pic/);
  t.match(await monitor.interruptCounts(), /info irq/);
  t.equal(await monitor.runState(), 'running');
});

void t.test('sampling ends with where the vCPUs stand', async (t) => {
  const { monitor, samples } = made();
  const stop = monitor.startSampling();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await stop();
  t.ok(samples.length >= 2);
});

void t.test('a QEMU that is gone or late is a failure of the machine, with its words', async (t) => {
  const gone = made(() => new QmpClosedError('execute', 'QEMU hung up'));
  await t.rejects(gone.monitor.registers(), { name: 'MachineFailure', gone: true, message: /QEMU hung up/ });
  const late = made(() => new QmpTimeoutError('late', 1));
  await t.rejects(late.monitor.irqchips(), { name: 'MachineFailure', gone: false, message: 'late' });
  const stop = gone.monitor.startSampling();
  await stop();
  t.strictSame(gone.samples, [], 'and there is nothing to sample');
});
