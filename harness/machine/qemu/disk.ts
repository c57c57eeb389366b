import type { Disk, DiskKind } from '../../model/disk.js';

/** The disk's serial number, by which the guest knows it. */
export const DISK_SERIAL = 'crashpath-disk';

const DEVICES: Readonly<Record<DiskKind, readonly string[]>> = {
  'virtio-blk': ['virtio-blk-pci,drive=disk0'],
  nvme: ['nvme,drive=disk0'],
  ahci: ['ich9-ahci,id=ahci0', 'ide-hd,drive=disk0,bus=ahci0.0'],
};

/**
 * QEMU's arguments for a disk, as data; none for no disk. `file` is relative to QEMU's directory; undefined: a disk that
 * holds nothing, for a rehearsal. `properties`: further ones of a virtio device. A full disk of the host is an error of
 * the guest's write; QEMU would stop the guest.
 */
export function diskArguments(
  disk: Disk | undefined,
  { file, properties = '' }: { readonly file: string | undefined; readonly properties?: string },
): [option: string, value: string][] {
  if (disk === undefined) return [];
  const drive =
    file === undefined
      ? `if=none,id=disk0,driver=null-co,size=${disk.sizeMiB}M`
      : `if=none,id=disk0,format=raw,werror=report,file=${file}`;
  const devices = DEVICES[disk.kind];
  return [
    ['-drive', drive],
    ...devices.map((device, index): [string, string] => {
      const isDisk = index === devices.length - 1;
      const more = disk.kind === 'virtio-blk' ? properties : '';
      return ['-device', isDisk ? `${device},serial=${DISK_SERIAL}${more}` : device];
    }),
  ];
}
