import t from 'tap';
import { type QmpClient, QmpClosedError, QmpTimeoutError } from '../../qemu/qmp/index.js';
import type { Clock } from '../clock.js';
import { qemuMonitor } from './monitor.js';
import { pauseAfter, sampleVcpus } from './sampler.js';

/** A clock whose timers pass at once, one after the other. */
function virtualClock(): Clock & { advance(ms: number): void } {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    advance: (ms) => void (nowMs += ms),
    after(forMs, act) {
      let isCancelled = false;
      queueMicrotask(() => {
        if (isCancelled) return;
        nowMs += forMs;
        act();
      });
      return () => void (isCancelled = true);
    },
  };
}

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

void t.test('sampling takes a small share of the time, on slow hosts too', async (t) => {
  t.equal(pauseAfter([]), 150);
  t.equal(pauseAfter([1, 1]), 150, 'as often as TCG can be sampled');
  t.equal(pauseAfter([200]), 3_800, 'measured on an emulated host');
  t.equal(pauseAfter([200, 1, 200]), 150, 'the host was busy twice');
  t.equal(pauseAfter([1, ...Array<number>(8).fill(200)]), 3_800, 'and is slow now');
  t.equal(pauseAfter([2_000]), 5_000, 'a guest must be seen now and then');
});

void t.test('samples of a QEMU that answers slowly', async (t) => {
  const clock = virtualClock();
  const stopping = new AbortController();
  const atMs: number[] = [];
  const execute = async () => {
    clock.advance(200);
    return 'RIP=0';
  };
  await sampleVcpus(
    { execute },
    {
      signal: stopping.signal,
      clock,
      onSample() {
        atMs.push(clock.nowMs());
        if (atMs.length === 4) stopping.abort();
      },
    },
  );
  t.strictSame(atMs, [200, 4_200, 8_200, 12_200]);
});
