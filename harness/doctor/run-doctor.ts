import type { AccelRequest } from '../machine/qemu/accel/choose-accelerator.js';
import { findQemu } from '../machine/qemu/accel/ask-qemu.js';
import { type DoctorCheck, type DoctorReport, worstStatus } from './check.js';
import { checkCacheWritable, checkDisk, checkKeptGuests, checkMemory, checkNode } from './host-checks.js';
import { checkAccelerator, checkDevices, checkMachines, checkQemuVersion } from './qemu-checks.js';
import { checkDumpReader, checkTools } from './tool-checks.js';

/** Debian keeps kexec outside the PATH of ordinary users. */
const SYSTEM_FOLDERS = '/usr/sbin:/sbin';

/** Options of {@link runDoctor}. */
export interface DoctorOptions {
  /** A name in PATH or a path; `qemu-system-x86_64` when absent. */
  readonly qemuBinary?: string | undefined;
  readonly cacheDir: string;
  /** Folder of the run directories. */
  readonly outDir: string;
  /** The accelerator that is asked for, `auto` when absent. */
  readonly accel?: AccelRequest | undefined;
  /** Guests at a time, 1 when absent. */
  readonly slots?: number | undefined;
  /** Folders to look for programs in, separated by `:`; PATH and the system folders when absent. */
  readonly searchPath?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks everything that crashpath needs of this host, in ~1 s, or ~4 s where the proof of KVM fails. A check that finds
 * a problem is a result, never an error; throws only the signal's reason when aborted.
 */
export async function runDoctor(options: DoctorOptions): Promise<DoctorReport> {
  const { cacheDir, outDir, signal } = options;
  const searchPath = options.searchPath ?? `${process.env['PATH'] ?? ''}:${SYSTEM_FOLDERS}`;
  const qemu = { qemuBinary: options.qemuBinary ?? 'qemu-system-x86_64', searchPath, signal };
  signal?.throwIfAborted();
  const quick = await Promise.all([
    checkQemuVersion(qemu),
    checkDevices(qemu),
    checkMachines(qemu),
    checkTools(searchPath),
    checkDumpReader(),
    checkMemory(options.slots ?? 1),
    checkDisk('disk for cache', cacheDir),
    checkDisk('disk for runs', outDir),
    checkCacheWritable(cacheDir),
    checkKeptGuests(cacheDir),
  ]);
  const [version, devices, machines, tools, dumps, memory, cacheDisk, outDisk, cache, kept] = quick;
  // After the other checks, because it measures times.
  const accelerator = await checkFoundAccelerator(qemu, { cacheDir, accel: options.accel ?? 'auto' });
  const node = checkNode(process.versions.node);
  const aboutQemu = [version, devices, machines, accelerator];
  const checks: DoctorCheck[] = [
    ...aboutQemu,
    ...tools,
    dumps,
    node,
    memory,
    cacheDisk,
    outDisk,
    cache,
    kept,
  ];
  return { status: worstStatus(checks), checks };
}

async function checkFoundAccelerator(
  qemu: { qemuBinary: string; searchPath: string; signal: AbortSignal | undefined },
  { cacheDir, accel }: { cacheDir: string; accel: AccelRequest },
): Promise<DoctorCheck> {
  const { signal } = qemu;
  // chooseAccelerator() looks up a bare name in PATH: pass it the QEMU that the other checks used.
  const found = await findQemu(qemu.qemuBinary, qemu).catch(() => undefined);
  if (found !== undefined) return checkAccelerator(accel, { qemuBinary: found, cacheDir, signal });
  return {
    name: 'accelerator',
    status: 'fail',
    found: 'none: there is no QEMU',
    remedy: 'install qemu-system-x86 (apt-get install qemu-system-x86)',
  };
}
