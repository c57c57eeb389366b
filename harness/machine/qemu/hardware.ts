import type { GuestSpec } from '../../plan/guest-spec.js';
import type { Hardware } from '../../plan/hardware.js';

/** QEMU's names of what can be plugged, or grown, while the guest runs. */
export const VIRTIO_MEM = { device: 'vmem0', backend: 'vmem0-memory' } as const;
/** Slots for DIMMs, each of which takes one (QEMU 7.2, at most 256). */
const DIMM_SLOTS = 8;

type Board = Pick<GuestSpec, 'accel' | 'machine' | 'cpuModel' | 'cpus' | 'memoryMiB' | 'hardware'>;
type Words = [option: string, value: string][];

/** QEMU's arguments for the board with its CPUs, memory and IOMMU: what a rehearsal can create. */
export function boardArguments({ accel, machine, cpuModel, cpus, memoryMiB, hardware }: Board): Words {
  const { iommu, numaNodes, room } = hardware ?? {};
  const mostCpus = cpus + (room?.cpus ?? 0);
  // Interrupt remapping is QEMU's own IO-APIC's; KVM's has none (QEMU 7.2, hw/i386/x86-iommu.c).
  const split = iommu !== undefined && accel === 'kvm' ? ',kernel-irqchip=split' : '';
  return [
    ['-machine', `${machine}${split}`],
    ['-cpu', cpuModel],
    ['-smp', smpWords(cpus, mostCpus)],
    ['-m', memoryWords(memoryMiB, room)],
    ...(numaNodes === undefined ? [] : nodeWords({ numaNodes, mostCpus, memoryMiB })),
    // Before the devices whose accesses it translates.
    ...(iommu === undefined ? [] : [iommuWords(iommu)]),
  ];
}

/** QEMU's arguments for the virtio-mem device, which has a PCI slot: behind the other devices. */
export function virtioMemArguments({ hardware }: Pick<GuestSpec, 'hardware'>): Words {
  const mib = hardware?.room?.virtioMemMiB;
  if (mib === undefined) return [];
  return [
    ['-object', `memory-backend-ram,id=${VIRTIO_MEM.backend},size=${mib}M`],
    ['-device', `virtio-mem-pci,id=${VIRTIO_MEM.device},memdev=${VIRTIO_MEM.backend},requested-size=0`],
  ];
}

/** QEMU's arguments for UEFI firmware: its code, and the run's own variables (`variables`). */
export function firmwareArguments(code: string | undefined, variables: string): Words {
  if (code === undefined) return [];
  return [
    ['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${escaped(code)}`],
    ['-drive', `if=pflash,unit=1,format=raw,file=${variables}`],
  ];
}

/** The properties by which a virtio device's memory accesses are translated by the IOMMU. */
export function translated({ hardware }: Pick<GuestSpec, 'hardware'>): string {
  return hardware?.iommu === undefined ? '' : ',iommu_platform=on,disable-legacy=on';
}

/**
 * Each vCPU that can be plugged is a socket: a kernel from 6.9 on that sees no hypervisor, as under TCG, ignores such a
 * CPU in a socket that is there already (arch/x86/kernel/cpu/topology.c, topology_register_apic()).
 */
function smpWords(cpus: number, most: number): string {
  return most === cpus ? String(cpus) : `cpus=${cpus},maxcpus=${most},sockets=${most},cores=1,threads=1`;
}

function memoryWords(memoryMiB: number, room: Hardware['room']): string {
  const { dimmsMiB = 0, virtioMemMiB = 0 } = room ?? {};
  if (dimmsMiB + virtioMemMiB === 0) return `${memoryMiB}M`;
  return `${memoryMiB}M,slots=${DIMM_SLOTS},maxmem=${memoryMiB + dimmsMiB + virtioMemMiB}M`;
}

function nodeWords({
  numaNodes,
  mostCpus,
  memoryMiB,
}: {
  readonly numaNodes: number;
  readonly mostCpus: number;
  readonly memoryMiB: number;
}): Words {
  const nodes = Array.from({ length: numaNodes }, (_, node) => node);
  const firstCpu = (node: number) => Math.floor((mostCpus * node) / numaNodes);
  return nodes.flatMap((node): Words => {
    const id = `node${node}`;
    const cpus = `${firstCpu(node)}-${firstCpu(node + 1) - 1}`;
    return [
      ['-object', `memory-backend-ram,id=${id},size=${memoryMiB / numaNodes}M`],
      ['-numa', `node,nodeid=${node},memdev=${id},cpus=${cpus}`],
    ];
  });
}

function iommuWords(iommu: NonNullable<Hardware['iommu']>): [string, string] {
  return iommu === 'intel' ? ['-device', 'intel-iommu,intremap=on'] : ['-device', 'amd-iommu,intremap=on'];
}

/** A value of an option list: QEMU reads `,,` as one comma. */
function escaped(path: string): string {
  return path.replaceAll(',', ',,');
}
