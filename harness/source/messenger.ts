import { messageWrite } from '../irqchip/message.js';
import type { InterruptMessage } from '../model/interrupt.js';
import type { QmpClient } from '../qemu/qmp/index.js';
import type { QtestClient } from '../qemu/qtest/index.js';

/** Sends interrupts to single vCPUs from outside the guest. */
export interface Messenger {
  /** Sends one; it is pending when this resolves, whether the vCPU runs or stands. Returns the APIC id it went to. */
  send(vcpu: number, message: InterruptMessage): Promise<number>;
}

/** A messenger over the qtest channel: the write that a device's MSI would be. */
export async function openMessenger(qtest: QtestClient, qmp: QmpClient): Promise<Messenger> {
  const ids = await apicIds(qmp);
  return {
    async send(vcpu, message) {
      const apicId = ids.get(vcpu);
      if (apicId === undefined) {
        throw new RangeError(`cannot send an interrupt to vCPU "${vcpu}": there are ${ids.size}`);
      }
      const { address, data } = messageWrite(apicId, message);
      await qtest.writel(address, data);
      return apicId;
    },
  };
}

/**
 * APIC ids by vCPU number, from the vCPUs' own objects: ids have gaps when sockets, dies or cores are not powers of
 * two (QEMU, include/hw/i386/topology.h).
 */
export async function apicIds(qmp: QmpClient): Promise<ReadonlyMap<number, number>> {
  const ids = new Map<number, number>();
  for (const cpu of await qmp.execute('query-cpus-fast')) {
    const id: unknown = await qmp.execute('qom-get', { path: cpu['qom-path'], property: 'apic-id' });
    if (typeof id !== 'number') {
      throw new TypeError(
        `cannot read the APIC id of vCPU "${cpu['cpu-index']}": QEMU says ${JSON.stringify(id)}`,
      );
    }
    ids.set(cpu['cpu-index'], id);
  }
  return ids;
}
