import { isAtLeast } from '../model/version.js';
import { askQemu } from '../machine/qemu/accel/ask-qemu.js';
import {
  type AccelChoice,
  chooseAccelerator,
  type ChooseOptions,
} from '../machine/qemu/accel/choose-accelerator.js';
import { foldLine } from '../model/escape.js';
import { remedyFor } from '../machine/qemu/accel/proof.js';
import { type QemuVersion, qemuVersion } from '../machine/qemu/accel/qemu-version.js';
import type { DoctorCheck } from './check.js';

const QEMU_REMEDY = 'install qemu-system-x86 (apt-get install qemu-system-x86)';

/** The oldest QEMU that crashpath is tested with. */
const OLDEST_TESTED = { major: 7, minor: 2 } as const;

/** Devices and machine types that every run needs. */
const NEEDED_DEVICES = ['isa-serial', 'isa-debug-exit', 'pvpanic'] as const;
const NEEDED_MACHINES = ['pc', 'q35'] as const;

/** Which QEMU, and where to look for it. */
export interface QemuCheckOptions {
  readonly qemuBinary: string;
  readonly searchPath: string;
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

/** Holds a version against the oldest that is tested. Pure. */
export function judgeQemuVersion(version: QemuVersion): DoctorCheck {
  const name = 'QEMU';
  if (isAtLeast(version, OLDEST_TESTED)) return { name, status: 'ok', found: version.text };
  const oldest = `${OLDEST_TESTED.major}.${OLDEST_TESTED.minor}`;
  const found = `${version.text}, older than ${oldest}, the oldest that is tested`;
  return { name, status: 'warn', found, remedy: `install QEMU ${oldest} or newer (package qemu-system-x86)` };
}

/** QEMU has the devices that runs need (`-device help`). */
export async function checkDevices(options: QemuCheckOptions): Promise<DoctorCheck> {
  return checkList(
    'QEMU devices',
    NEEDED_DEVICES,
    async () => parseDevices(await askQemu(options.qemuBinary, ['-device', 'help'], options)),
    options.signal,
  );
}

/** QEMU has the machine types that runs need (`-machine help`). */
export async function checkMachines(options: QemuCheckOptions): Promise<DoctorCheck> {
  return checkList(
    'QEMU machines',
    NEEDED_MACHINES,
    async () => parseMachines(await askQemu(options.qemuBinary, ['-machine', 'help'], options)),
    options.signal,
  );
}

/** Device names in the output of `qemu -device help`: lines of `name "isa-serial", bus ISA`. Pure. */
export function parseDevices(output: string): ReadonlySet<string> {
  return new Set([...output.matchAll(/^name "([^"\n]{1,64})"/gm)].map((match) => match[1] ?? ''));
}

/** Machine names in the output of `qemu -machine help`: the first word of each line after the heading. Pure. */
export function parseMachines(output: string): ReadonlySet<string> {
  const [, ...lines] = output.split('\n');
  return new Set(lines.map((line) => line.split(/\s/, 1)[0] ?? '').filter((name) => name !== ''));
}

async function checkList(
  name: string,
  needed: readonly string[],
  list: () => Promise<ReadonlySet<string>>,
  signal: AbortSignal | undefined,
): Promise<DoctorCheck> {
  try {
    const present = await list();
    const missing = needed.filter((word) => !present.has(word));
    if (missing.length === 0) return { name, status: 'ok', found: needed.join(', ') };
    const remedy = `${QEMU_REMEDY}: this QEMU was built without`;
    return { name, status: 'fail', found: `${missing.join(', ')} missing`, remedy };
  } catch (error) {
    signal?.throwIfAborted();
    return { name, status: 'fail', found: `not known: ${messageOf(error)}`, remedy: QEMU_REMEDY };
  }
}

/**
 * Which accelerator `auto` gets on this host, proved anew (the cache is for runs, not for a diagnosis). TCG is a
 * warning: everything works, several times slower.
 */
export async function checkAccelerator(options: ChooseOptions): Promise<DoctorCheck> {
  try {
    return judgeAccelerator(await chooseAccelerator('auto', { ...options, fresh: true }));
  } catch (error) {
    options.signal?.throwIfAborted();
    return { name: 'accelerator', status: 'fail', found: `none: ${messageOf(error)}`, remedy: QEMU_REMEDY };
  }
}

/** What a choice of accelerator means for the user. Pure. */
export function judgeAccelerator(choice: AccelChoice): DoctorCheck {
  const name = 'accelerator';
  const { kvm } = choice.proof;
  if (choice.accel === 'kvm') return { name, status: 'ok', found: `kvm, proved: ${kvm.detail}` };
  const found = `tcg (slower), because KVM is not proved: ${kvm.detail}`;
  return { name, status: 'warn', found, remedy: remedyFor(kvm) };
}

function messageOf(error: unknown): string {
  return foldLine(error instanceof Error ? error.message : String(error));
}
