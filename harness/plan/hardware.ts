import { z } from 'zod';
import { type PluggedMemory, pluggedMiB } from '../model/plugged-memory.js';
import { GUEST_LIMITS } from './guest-defaults.js';

/** What starts a guest's kernel, and the IOMMUs that a machine can have. */
export const FIRMWARES = ['seabios', 'uefi'] as const;
export const IOMMUS = ['intel', 'amd'] as const;

/** Room for what is plugged while the guest runs, beyond what it starts with. */
const RoomSchema = z
  .strictObject({
    cpus: z.number().int().min(1).max(GUEST_LIMITS.cpus.most).optional(),
    /** For DIMMs, each of which has a slot. */
    dimmsMiB: pluggedMiB.optional(),
    /** Of a virtio-mem device, which the machine has from the start, with nothing plugged. */
    virtioMemMiB: pluggedMiB.optional(),
  })
  .refine((room) => Object.keys(room).length > 0, 'must say one of cpus, dimmsMiB, virtioMemMiB');

/** The parts of a machine that QEMU's machine type and CPU model do not decide; keys of a machine profile. */
export const HARDWARE = {
  firmware: z.enum(FIRMWARES).optional(),
  /** With interrupt remapping. */
  iommu: z.enum(IOMMUS).optional(),
  /** vCPUs and memory are divided evenly among the nodes. */
  numaNodes: z.number().int().min(2).max(8).optional(),
  room: RoomSchema.optional(),
};
export const HardwareSchema = z.strictObject(HARDWARE);
export type Hardware = z.infer<typeof HardwareSchema>;

/** The parts among the keys of a profile; undefined when it has none of them. */
export function hardwareOf({ firmware, iommu, numaNodes, room }: Hardware): Hardware | undefined {
  const parts = { firmware, iommu, numaNodes, room };
  const given = Object.entries(parts).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** A machine with its parts. */
interface Equipped {
  readonly type: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly hardware?: Hardware | undefined;
}

/** Machine types with PCI, ACPI and flash memory for firmware (QEMU 7.2). */
const PC = /^(?:type=)?(?:pc|q35|pc-i440fx-[^,]*|pc-q35-[^,]*)(?:,|$)/;
const Q35 = /^(?:type=)?(?:q35|pc-q35-[^,]*)(?:,|$)/;

/** Whether the machine has a PCI bus for disks and network cards. */
export function hasPci(type: string): boolean {
  return !/^(?:type=)?(?:isapc|microvm)(?:,|$)/.test(type);
}

/** Why a machine cannot have its parts, as one sentence; undefined when it can. */
export function contradictionInHardware({ type, cpus, memoryMiB, hardware }: Equipped): string | undefined {
  const { firmware, iommu, numaNodes, room } = hardware ?? {};
  if (firmware === 'uefi' && !PC.test(type))
    return `machine ${type} has no UEFI firmware: only pc and q35 have`;
  if (iommu !== undefined && !Q35.test(type)) return `machine ${type} cannot have an IOMMU: only q35 can`;
  if (numaNodes !== undefined) {
    if (!PC.test(type)) return `machine ${type} has no NUMA nodes: only pc and q35 can have them`;
    if (cpus < numaNodes) return `${numaNodes} NUMA nodes need as many vCPUs, there are ${cpus}`;
    if (memoryMiB % numaNodes !== 0)
      return `${memoryMiB} MiB cannot be divided among ${numaNodes} NUMA nodes`;
  }
  if (room === undefined) return undefined;
  if (!PC.test(type)) return `nothing can be plugged into machine ${type}: only into pc and q35`;
  const most = cpus + (room.cpus ?? 0);
  if (most > GUEST_LIMITS.cpus.most)
    return `${cpus} vCPUs with room for ${room.cpus} more are over the limit of ${GUEST_LIMITS.cpus.most}`;
  return undefined;
}

/** MiB that a guest can have when all room is used. */
export function mostMemoryMiB({ memoryMiB, hardware }: Pick<Equipped, 'memoryMiB' | 'hardware'>): number {
  const { dimmsMiB = 0, virtioMemMiB = 0 } = hardware?.room ?? {};
  return memoryMiB + dimmsMiB + virtioMemMiB;
}

/** A step that plugs something; other steps plug nothing. */
type Step = { readonly plugCpus: number } | { readonly plugMemory: PluggedMemory } | object;

/** Why a machine has no room for what steps plug, as one sentence; undefined when it has. */
export function contradictionInPlugging(
  steps: readonly Step[],
  { hardware }: Pick<Equipped, 'hardware'>,
): string | undefined {
  const { cpus = 0, dimmsMiB = 0, virtioMemMiB = 0 } = hardware?.room ?? {};
  const memory = (as: PluggedMemory['as']) =>
    sumOf(steps, (step) => ('plugMemory' in step && step.plugMemory.as === as ? step.plugMemory.sizeMiB : 0));
  const wanted = [
    [sumOf(steps, (step) => ('plugCpus' in step ? step.plugCpus : 0)), cpus, 'vCPUs', 'room.cpus'],
    [memory('dimm'), dimmsMiB, 'MiB of DIMMs', 'room.dimmsMiB'],
    [memory('virtio-mem'), virtioMemMiB, 'MiB of virtio-mem', 'room.virtioMemMiB'],
  ] as const;
  const short = wanted.find(([asked, there]) => asked > there);
  if (short === undefined) return undefined;
  const [asked, there, what, key] = short;
  return `its steps plug ${asked} ${what}, and the machine has room for ${there}; choose a machine profile with ${key}`;
}

function sumOf(steps: readonly Step[], amount: (step: Step) => number): number {
  return steps.reduce((sum, step) => sum + amount(step), 0);
}
