import type { QmpClient } from '../../qemu/qmp/index.js';
import type { PluggedMemory } from '../../model/plugged-memory.js';
import { type Hotplug, MachineFailure } from '../machine.js';
import { answer } from './failure.js';
import { VIRTIO_MEM } from './hardware.js';

const MIB = 1024 * 1024;

/** Plugs through QMP. `onCpus` is called when vCPUs were plugged. */
export function qemuHotplug(
  qmp: Pick<QmpClient, 'execute' | 'executeRaw'>,
  { onCpus }: { readonly onCpus: () => Promise<void> },
): Hotplug {
  let dimms = 0;
  let plugged = 0;
  return {
    async cpus(count) {
      const slots = await answer(qmp.execute('query-hotpluggable-cpus'));
      // QEMU lists the highest slot first (7.2, hw/core/machine-hmp-cmds.c); the guest counts from the lowest.
      const free = slots.filter((slot) => slot['qom-path'] === undefined).toReversed();
      if (free.length < count)
        throw new MachineFailure(`cannot plug ${count} vCPUs: there are slots for ${free.length}`, {
          gone: false,
        });
      for (const slot of free.slice(0, count)) {
        // Raw: the properties of a device are not in the schema.
        const device = { driver: slot.type, id: `plugged-cpu${plugged++}`, ...slot.props };
        await answer(qmp.executeRaw('device_add', device));
      }
      await onCpus();
    },
    async memory({ as, sizeMiB }: PluggedMemory) {
      const size = sizeMiB * MIB;
      if (as === 'virtio-mem') {
        const path = `/machine/peripheral/${VIRTIO_MEM.device}`;
        const property = 'requested-size';
        const asked: unknown = await answer(qmp.execute('qom-get', { path, property }));
        const value = (typeof asked === 'number' ? asked : 0) + size;
        await answer(qmp.execute('qom-set', { path, property, value }));
        return;
      }
      const id = `dimm${dimms++}`;
      const backend = `${id}-memory`;
      await answer(qmp.executeRaw('object-add', { 'qom-type': 'memory-backend-ram', id: backend, size }));
      await answer(qmp.executeRaw('device_add', { driver: 'pc-dimm', id, memdev: backend }));
    },
  };
}
