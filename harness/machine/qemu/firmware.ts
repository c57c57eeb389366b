import { access, constants } from 'node:fs/promises';
import { usageFault } from '../../model/fault.js';

/** UEFI firmware for x86-64 guests: its code, and the file from which a machine's variables are copied. */
export interface UefiFirmware {
  readonly code: string;
  readonly variables: string;
}

/** Where distributions put OVMF without Secure Boot, as pairs of equal flash size. */
const PLACES: readonly UefiFirmware[] = [
  // Debian, Ubuntu: package ovmf.
  pair('/usr/share/OVMF', 'OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd'),
  pair('/usr/share/OVMF', 'OVMF_CODE.fd', 'OVMF_VARS.fd'),
  // Fedora: edk2-ovmf.
  pair('/usr/share/edk2/ovmf', 'OVMF_CODE.fd', 'OVMF_VARS.fd'),
  // Arch: edk2-ovmf.
  pair('/usr/share/edk2/x64', 'OVMF_CODE.4m.fd', 'OVMF_VARS.4m.fd'),
  // openSUSE: qemu-ovmf-x86_64.
  pair('/usr/share/qemu', 'ovmf-x86_64-4m-code.bin', 'ovmf-x86_64-4m-vars.bin'),
];

/** The UEFI firmware of this host. Throws a usage fault that names the package when there is none. */
export async function findUefiFirmware(places: readonly UefiFirmware[] = PLACES): Promise<UefiFirmware> {
  for (const place of places) {
    if ((await isReadable(place.code)) && (await isReadable(place.variables))) return place;
  }
  throw usageFault(
    'cannot start a guest with firmware "uefi": this host has no OVMF; install package ovmf (Debian, Ubuntu) or edk2-ovmf (Fedora, Arch)',
  );
}

function pair(directory: string, code: string, variables: string): UefiFirmware {
  return { code: `${directory}/${code}`, variables: `${directory}/${variables}` };
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}
