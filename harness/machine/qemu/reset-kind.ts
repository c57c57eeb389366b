import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { RUN_FILES } from './arguments.js';

/** The log of one cycle has a few kilobytes. At most this much of its end is read: a guest can make it long. */
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * Why the machine reset: QEMU names a triple fault in its `-d cpu_reset` log (target/i386/tcg/excp_helper.c, 7.2); a
 * log without that line means another reset. Undefined where the log shows nothing: when it is empty or missing, and
 * under KVM, where it has the machine's own resets (hw/core/cpu-common.c) and never names a triple fault.
 */
export async function resetKind(
  directory: string,
  accel: 'kvm' | 'tcg',
  { mostBytes = MOST_BYTES }: { readonly mostBytes?: number } = {},
): Promise<'triple fault' | 'other reset' | undefined> {
  return kindInLog(accel, (most) => endOf(join(directory, RUN_FILES.qemuLog), most), { mostBytes });
}

/** As {@link resetKind}, of a log whose end is read by `endOfLog`. */
export async function kindInLog(
  accel: 'kvm' | 'tcg',
  endOfLog: (mostBytes: number) => Promise<string>,
  { mostBytes = MOST_BYTES }: { readonly mostBytes?: number } = {},
): Promise<'triple fault' | 'other reset' | undefined> {
  if (accel !== 'tcg') return undefined;
  return kindIn(await endOfLog(mostBytes).catch(() => ''));
}

/** The last `mostBytes` bytes of a file, one character for each; no more is read. */
export async function endOf(path: string, mostBytes: number): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const length = Math.min(size, mostBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** See {@link resetKind}. Pure. */
export function kindIn(log: string): 'triple fault' | 'other reset' | undefined {
  if (/^Triple fault$/m.test(log)) return 'triple fault';
  return log.includes('CPU Reset') ? 'other reset' : undefined;
}

/** The registers of a vCPU that was reset in 64-bit code: 16- and 32-bit code has `EIP=`. */
const RESET_IN_LONG_MODE = /^CPU Reset \(CPU (\d{1,4})\)\n[^\n]*\n(?:[^\n]*\n){0,4}?RIP=/gm;

/**
 * The vCPUs that an INIT interrupted in 64-bit code, ascending, as a log of `-d cpu_reset` shows (QEMU 7.2,
 * target/i386/helper.c, do_cpu_init(), which resets the vCPU and logs the registers that it had). A kernel's APs come out
 * of their first INIT in 16-bit code. Pure.
 */
export function interruptedIn(log: string): number[] {
  const vcpus = [...log.matchAll(RESET_IN_LONG_MODE)].map(([, vcpu]) => Number(vcpu));
  return [...new Set(vcpus)].toSorted((one, other) => one - other);
}

/** As {@link interruptedIn}, of a log whose end is read by `endOfLog`; undefined where that cannot be told (KVM). */
export async function interruptedInLog(
  accel: 'kvm' | 'tcg',
  endOfLog: (mostBytes: number) => Promise<string>,
): Promise<readonly number[] | undefined> {
  if (accel !== 'tcg') return undefined;
  const log = await endOfLog(MOST_BYTES).catch(() => undefined);
  return log === undefined ? undefined : interruptedIn(log);
}
