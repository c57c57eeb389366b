import type { QmpClient } from '../../qemu/qmp/index.js';
import type { MachineLog, Monitor } from '../machine.js';
import { answer } from './failure.js';
import { SAMPLE_COMMAND, sampleOnce, sampleVcpus } from './sampler.js';

/**
 * QEMU's monitor. `apicIds` are by vCPU number: HMP `info lapic` takes an APIC id (QEMU 7.2, target/i386/monitor.c,
 * hmp_info_local_apic()). The replies are in the QMP log, except those of samples.
 */
export function qemuMonitor(
  qmp: Pick<QmpClient, 'execute'>,
  { apicIds, log }: { apicIds: () => Promise<ReadonlyMap<number, number>>; log: Pick<MachineLog, 'sample'> },
): Monitor {
  const hmp = (command: string) => answer(qmp.execute('human-monitor-command', { 'command-line': command }));
  return {
    registers: () => hmp(SAMPLE_COMMAND),
    irqchips: () => hmp('info pic'),
    interruptCounts: () => hmp('info irq'),
    async lapic(vcpu) {
      const apicId = (await answer(apicIds())).get(vcpu);
      return apicId === undefined ? undefined : hmp(`info lapic ${apicId}`);
    },
    vcpus: async () => [...(await answer(apicIds())).keys()].sort((one, other) => one - other),
    runState: async () => (await answer(qmp.execute('query-status'))).status,
    startSampling() {
      const stopping = new AbortController();
      const samples = sampleVcpus(qmp, { signal: stopping.signal, onSample: (text) => log.sample(text) });
      // The function that stops the sampling rejects with the failure.
      samples.catch(() => undefined);
      return async () => {
        stopping.abort();
        await samples;
        // The vCPUs' last registers show where a reset or a hang happened.
        const last = await sampleOnce(qmp);
        if (last !== undefined) log.sample(last);
      };
    },
  };
}
