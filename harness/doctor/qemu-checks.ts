import { isAtLeast } from '../model/version.js';
import {
  type AccelChoice,
  type AccelRequest,
  chooseAccelerator,
  type ChooseOptions,
} from '../machine/qemu/accel/choose-accelerator.js';
import { foldLine } from '../model/escape.js';
import { Fault } from '../model/fault.js';
import { remedyFor } from '../machine/qemu/accel/proof.js';
import { deviceNames, machineTypes } from '../machine/qemu/accel/qemu-lists.js';
import { type QemuVersion, qemuVersion } from '../machine/qemu/accel/qemu-version.js';
import type { ProgramHost } from '../machine/qemu/program-host.js';
import { cardsOfEveryQemu } from '../machine/qemu/needs.js';
import type { DoctorCheck } from './check.js';

const QEMU_REMEDY = 'install qemu-system-x86 (apt-get install qemu-system-x86)';

/** The oldest QEMU that crashpath is tested with. */
const OLDEST_TESTED = { major: 7, minor: 2 } as const;

/** Features of QEMU that every run needs, and those that only some runs use. */
interface Wanted {
  readonly needed: readonly string[];
  readonly optional: readonly { readonly name: string; readonly usedBy: string }[];
}

/** A guest's two UARTs are isa-serial devices on every machine type. */
const DEVICES: Wanted = {
  needed: ['isa-serial'],
  optional: [
    { name: 'isa-debug-exit', usedBy: 'the proof of KVM' },
    ...cardsOfEveryQemu().map((name) => ({ name, usedBy: 'scenarios with that card' })),
  ],
};

/** `pc` is the default; the others are used by machine profiles (scenarios/machines). */
const MACHINES: Wanted = {
  needed: ['pc'],
  optional: ['q35', 'isapc', 'microvm'].map((name) => ({ name, usedBy: 'its machine profiles' })),
};

/** The QEMU to check, and where to search for it. */
export interface QemuCheckOptions {
  readonly qemuBinary: string;
  /** The host to check; this one when absent. */
  readonly host?: ProgramHost | undefined;
  readonly searchPath?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** QEMU starts and is not older than the oldest that is tested. */
export async function checkQemuVersion(options: QemuCheckOptions): Promise<DoctorCheck> {
  const name = 'QEMU';
  try {
    return judgeQemuVersion(await qemuVersion(options.qemuBinary, options));
  } catch (error) {
    options.signal?.throwIfAborted();
    return { name, status: 'fail', found: messageOf(error), remedy: QEMU_REMEDY };
  }
}

/** Compares a version with the oldest that is tested. Pure. */
export function judgeQemuVersion(version: QemuVersion): DoctorCheck {
  const name = 'QEMU';
  if (isAtLeast(version, OLDEST_TESTED)) return { name, status: 'ok', found: version.text };
  const oldest = `${OLDEST_TESTED.major}.${OLDEST_TESTED.minor}`;
  const found = `${version.text}, older than ${oldest}, the oldest that is tested`;
  return { name, status: 'warn', found, remedy: `install QEMU ${oldest} or newer (package qemu-system-x86)` };
}

/** QEMU has the devices that runs use. */
export async function checkDevices(options: QemuCheckOptions): Promise<DoctorCheck> {
  const list = () => deviceNames(options.qemuBinary, options);
  return checkNames('QEMU devices', DEVICES, { list, signal: options.signal });
}

/** QEMU has the machine types that runs use. */
export async function checkMachines(options: QemuCheckOptions): Promise<DoctorCheck> {
  const list = () => machineTypes(options.qemuBinary, options);
  return checkNames('QEMU machines', MACHINES, { list, signal: options.signal });
}

async function checkNames(
  name: string,
  { needed, optional }: Wanted,
  { list, signal }: { list: () => Promise<ReadonlySet<string>>; signal: AbortSignal | undefined },
): Promise<DoctorCheck> {
  const remedy = `${QEMU_REMEDY}: this QEMU was built without`;
  try {
    const present = await list();
    const missing = needed.filter((word) => !present.has(word));
    if (missing.length > 0) return { name, status: 'fail', found: `${missing.join(', ')} missing`, remedy };
    const unavailable = optional.filter((one) => !present.has(one.name));
    if (unavailable.length > 0) {
      const found = unavailable.map((one) => `${one.name} missing, used by ${one.usedBy}`).join('; ');
      return { name, status: 'warn', found, remedy };
    }
    return { name, status: 'ok', found: [...needed, ...optional.map((one) => one.name)].join(', ') };
  } catch (error) {
    signal?.throwIfAborted();
    return { name, status: 'fail', found: `unknown: ${messageOf(error)}`, remedy: QEMU_REMEDY };
  }
}

/**
 * Which accelerator a request means on this host, with a new proof (the cache is for runs, not for a diagnosis). TCG is a
 * warning: everything works, several times slower. So is a KVM that is not proved.
 */
export async function checkAccelerator(request: AccelRequest, options: ChooseOptions): Promise<DoctorCheck> {
  try {
    return judgeAccelerator(await chooseAccelerator(request, { ...options, fresh: true }));
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof Fault && error.kind === 'usage') {
      return { name: 'accelerator', status: 'fail', found: messageOf(error), remedy: 'use --accel auto' };
    }
    return { name: 'accelerator', status: 'fail', found: `none: ${messageOf(error)}`, remedy: QEMU_REMEDY };
  }
}

/** The check's result for a choice of accelerator. Pure. */
export function judgeAccelerator(choice: AccelChoice): DoctorCheck {
  const name = 'accelerator';
  const { kvm } = choice.proof;
  if (choice.unproved !== undefined) {
    const found = `kvm, insisted on, although it is not proved: ${choice.unproved}`;
    return { name, status: 'warn', found, remedy: remedyFor(kvm) };
  }
  if (choice.requested === 'tcg') return { name, status: 'ok', found: 'tcg, as it was asked for' };
  if (choice.accel === 'kvm') return { name, status: 'ok', found: `kvm, proved: ${kvm.detail}` };
  const found = `tcg (slower), because KVM is not proved: ${kvm.detail}`;
  return { name, status: 'warn', found, remedy: remedyFor(kvm) };
}

function messageOf(error: unknown): string {
  return foldLine(error instanceof Error ? error.message : String(error));
}
