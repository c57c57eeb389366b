import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { QmpClient } from '../../qemu/qmp/index.js';
import { scratch } from '../../testing/files.js';
import { MissingAbility } from '../machine.js';
import { diskArguments } from './disk.js';
import { findUefiFirmware } from './firmware.js';
import { boardArguments, firmwareArguments, translated, virtioMemArguments } from './hardware.js';
import { qemuHotplug } from './hotplug.js';
import { requireCard } from './needs.js';

const BOARD = { accel: 'tcg', machine: 'q35', cpuModel: 'max', cpus: 4, memoryMiB: 1024 } as const;
const words = (hardware: Parameters<typeof boardArguments>[0]['hardware'], accel: 'kvm' | 'tcg' = 'tcg') =>
  boardArguments({ ...BOARD, accel, hardware })
    .flat()
    .join(' ');

void t.test('a machine without parts has the arguments that it always had', async (t) => {
  t.equal(words(undefined), '-machine q35 -cpu max -smp 4 -m 1024M');
  t.strictSame(virtioMemArguments({}), []);
  t.strictSame(firmwareArguments(undefined, 'variables'), []);
  t.equal(translated({}), '');
});

void t.test('parts', async (t) => {
  t.match(words({ iommu: 'intel' }), '-machine q35 -cpu max -smp 4 -m 1024M -device intel-iommu,intremap=on');
  t.match(
    words({ iommu: 'amd' }, 'kvm'),
    /-machine q35,kernel-irqchip=split .*-device amd-iommu,intremap=on/,
  );
  t.match(words({ numaNodes: 2 }), '-numa node,nodeid=0,memdev=node0,cpus=0-1');
  t.match(words({ numaNodes: 2 }), 'id=node1,size=512M -numa node,nodeid=1,memdev=node1,cpus=2-3');
  t.match(words({ room: { cpus: 2 } }), '-smp cpus=4,maxcpus=6,sockets=6,cores=1,threads=1 -m 1024M');
  t.match(words({ room: { dimmsMiB: 256 } }), '-m 1024M,slots=8,maxmem=1280M');
  const virtioMem = virtioMemArguments({ hardware: { room: { virtioMemMiB: 256 } } });
  t.match(virtioMem.flat().join(' '), /size=256M -device virtio-mem-pci,.*requested-size=0/);
  t.match(firmwareArguments('/a,b/CODE.fd', 'vars')[0]?.[1], /readonly=on,file=\/a,,b\/CODE\.fd$/);
  t.match(translated({ hardware: { iommu: 'intel' } }), 'iommu_platform=on');
});

void t.test('disks', async (t) => {
  const of = (kind: 'ahci' | 'nvme' | 'virtio-blk', file?: string) =>
    diskArguments({ kind, sizeMiB: 64 }, { file, properties: ',iommu_platform=on' }).flat().join(' ');
  t.strictSame(diskArguments(undefined, { file: 'disk.raw' }), []);
  t.match(of('nvme', 'disk.raw'), /file=disk\.raw -device nvme,drive=disk0,serial=crashpath-disk$/);
  t.match(of('virtio-blk', 'disk.raw'), /serial=crashpath-disk,iommu_platform=on$/);
  t.match(of('ahci'), /driver=null-co,size=64M -device ich9-ahci,id=ahci0 -device ide-hd,.*bus=ahci0\.0/);
});

void t.test('igb is void with a QEMU that does not have it', async (t) => {
  t.throws(() => requireCard('igb', '7.2.22'), MissingAbility);
  t.throws(() => requireCard('igb', '7.2.22'), {
    message: /a network card of model igb \(QEMU 8\.0 and later\): QEMU 7\.2\.22 has none/,
  });
  for (const version of ['8.0.0', '10.0.2', '11.1.3']) t.doesNotThrow(() => requireCard('igb', version));
  t.doesNotThrow(() => requireCard('e1000e', '7.2.22'));
  t.doesNotThrow(() => requireCard(undefined, '7.2.22'));
});

void t.test('UEFI firmware: the first pair that is whole, or one line with the package', async (t) => {
  const directory = await scratch(t);
  const pair = (name: string) => ({
    code: join(directory, `${name}-code`),
    variables: join(directory, `${name}-vars`),
  });
  const [half, whole] = [pair('half'), pair('whole')];
  for (const file of [half.code, whole.code, whole.variables]) await writeFile(file, '');
  t.strictSame(await findUefiFirmware([half, whole]), whole);
  await t.rejects(findUefiFirmware([half]), {
    kind: 'usage',
    message: /^cannot .*install package ovmf[^\n]*$/,
  });
});

/** As QEMU 7.2 answers for `-smp cpus=2,maxcpus=4,sockets=4,cores=1,threads=1`. */
const SLOTS = [3, 2, 1, 0].map((socket) => ({
  props: { 'core-id': 0, 'thread-id': 0, 'socket-id': socket },
  'vcpus-count': 1,
  type: 'max-x86_64-cpu',
  ...(socket < 2 ? { 'qom-path': `/machine/unattached/device[${socket * 2}]` } : {}),
}));

void t.test('what is plugged, as QEMU is asked for it', async (t) => {
  const asked: [string, unknown][] = [];
  let requested = 0;
  const answer = async (command: string, values?: object) => {
    asked.push([command, values]);
    if (command === 'qom-get') return requested;
    if (command === 'qom-set') requested += 128 * 1024 * 1024;
    return command === 'query-hotpluggable-cpus' ? SLOTS : {};
  };
  let followed = 0;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the commands that are asked for
  const qmp = { execute: answer as unknown as QmpClient['execute'], executeRaw: answer };
  const hotplug = qemuHotplug(qmp, { onCpus: async () => void (followed += 1) });
  await hotplug.cpus(2);
  t.equal(followed, 1, 'the new threads are followed');
  t.match(asked[1], ['device_add', { driver: 'max-x86_64-cpu', 'socket-id': 2 }], 'the lowest one first');
  t.match(asked[2], ['device_add', { 'socket-id': 3 }]);
  await t.rejects(hotplug.cpus(3), { gone: false, message: /cannot plug 3 vCPUs: there are slots for 2/ });
  asked.length = 0;
  await hotplug.memory({ as: 'dimm', sizeMiB: 128 });
  await hotplug.memory({ as: 'dimm', sizeMiB: 128 });
  t.match(asked[0], ['object-add', { id: 'dimm0-memory', size: 134_217_728 }]);
  t.match(asked[3], ['device_add', { driver: 'pc-dimm', id: 'dimm1', memdev: 'dimm1-memory' }]);
  await hotplug.memory({ as: 'virtio-mem', sizeMiB: 128 });
  await hotplug.memory({ as: 'virtio-mem', sizeMiB: 128 });
  t.match(asked.at(-1), ['qom-set', { property: 'requested-size', value: 2 * 134_217_728 }], 'it grows');
});
