import { harnessFault } from '../../model/fault.js';
import type { QmpClient } from '../../qemu/qmp/index.js';

/**
 * APIC ids by vCPU number, from the vCPUs' own objects: ids have gaps when sockets, dies or cores are not powers of
 * two (QEMU, include/hw/i386/topology.h; seen with `-smp 6,sockets=2,cores=3`, 7.2). HMP `info lapic` takes them.
 */
export async function readApicIds(qmp: QmpClient): Promise<ReadonlyMap<number, number>> {
  const ids = new Map<number, number>();
  for (const cpu of await qmp.execute('query-cpus-fast')) {
    const id: unknown = await qmp.execute('qom-get', { path: cpu['qom-path'], property: 'apic-id' });
    if (typeof id !== 'number') {
      throw harnessFault(
        `cannot read the APIC id of vCPU "${cpu['cpu-index']}": QEMU says ${JSON.stringify(id)}; is it an x86 machine?`,
      );
    }
    ids.set(cpu['cpu-index'], id);
  }
  return ids;
}
