import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { execa } from 'execa';
import { harnessFault } from '../../../model/fault.js';
import { foldLine } from '../../../model/escape.js';
import { signalGroup } from '../../../host/process-group.js';
import { readSchedstat } from '../host-time.js';
import { parentDeathPrefix } from './parent-death.js';
import { DEBUG_CONSOLE_PORT, DEBUG_EXIT_PORT, probeGuestElf } from './probe-guest.js';

/** Between SIGTERM and SIGKILL: a QEMU whose vCPU is stuck in a broken KVM never handles SIGTERM. */
export const KILL_GRACE_MS = 250;
/** A deadline is put off by at most this many times itself. */
const MOST_WAITING = 3;
const OUTPUT_LIMIT_BYTES = 64 * 1024;
const GUEST_MEMORY_MIB = 32;

/** How a probe guest ended. Times are milliseconds of host time since QEMU was spawned. */
export type ProbeRun =
  | {
      readonly end: 'exited';
      readonly exitCode: number;
      readonly tookMs: number;
      /** From the guest's mark "about to count" to the end of QEMU; absent when the mark was not seen. */
      readonly workMs?: number;
      readonly stderr: string;
    }
  | {
      readonly end: 'deadline';
      readonly started: boolean;
      readonly tookMs: number;
      /** How long the thread that waited longest could have run and got no CPU; absent where the host does not tell. */
      readonly waitedMs?: number;
      readonly stderr: string;
    }
  | { readonly end: 'broken'; readonly why: string; readonly tookMs: number; readonly stderr: string };

/** One run of the probe's guest. */
export interface ProbeRunOptions {
  /** Path of QEMU, as `findQemu` returns it. */
  readonly qemuPath: string;
  readonly accel: 'kvm' | 'tcg';
  readonly turns: number;
  /**
   * Until SIGTERM, less the time in which a thread of QEMU waited for a CPU, which counts up to {@link MOST_WAITING}
   * times this; the process group is killed {@link KILL_GRACE_MS} later at the latest.
   */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Name of the guest (`-name`), by which its process can be recognised. */
  readonly name?: string;
}

/** QEMU's arguments for a probe guest; no firmware devices, network, monitor or listener. Pure. */
export function probeArguments(accel: 'kvm' | 'tcg', kernelPath: string, name: string): string[] {
  return [
    ['-name', name, '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ['-machine', 'pc', '-accel', accel, '-m', String(GUEST_MEMORY_MIB), '-smp', '1'],
    ['-kernel', kernelPath],
    ['-chardev', 'stdio,id=mark,signal=off'],
    ['-device', `isa-debugcon,iobase=0x${DEBUG_CONSOLE_PORT.toString(16)},chardev=mark`],
    ['-device', `isa-debug-exit,iobase=0x${DEBUG_EXIT_PORT.toString(16)},iosize=4`],
  ].flat();
}

/**
 * Runs the probe's guest once. The process leads a group of its own, which is ended by SIGTERM, then SIGKILL, at the
 * deadline and on abort, and with SIGKILL when this process exits or dies. Throws the signal's reason when aborted and
 * a harness Fault when no temporary file can be written.
 */
export async function runProbeGuest(options: ProbeRunOptions): Promise<ProbeRun> {
  options.signal?.throwIfAborted();
  const folder = await makeTemporaryFolder();
  try {
    const kernelPath = path.join(folder, 'probe.elf');
    await writeFile(kernelPath, probeGuestElf({ turns: options.turns }));
    const name = options.name ?? `crashpath-probe-${randomUUID()}`;
    const command = [
      ...(await parentDeathPrefix(process.pid)),
      options.qemuPath,
      ...probeArguments(options.accel, kernelPath, name),
    ];
    options.signal?.throwIfAborted();
    return await watch(command, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function makeTemporaryFolder(): Promise<string> {
  try {
    return await mkdtemp(path.join(tmpdir(), 'crashpath-probe-'));
  } catch (error) {
    throw harnessFault(
      `cannot write the probe guest into "${tmpdir()}": ${String(error)}; set TMPDIR to a writable folder`,
      error,
    );
  }
}

async function watch(command: readonly string[], options: ProbeRunOptions): Promise<ProbeRun> {
  const [file = '', ...args] = command;
  const beganAtMs = performance.now();
  const child = execa(file, args, {
    reject: false,
    detached: true,
    stdin: 'ignore',
    maxBuffer: OUTPUT_LIMIT_BYTES,
  });
  let startedAtMs: number | undefined;
  child.stdout.once('data', () => {
    startedAtMs = performance.now();
  });

  const killNow = (): void => signalGroup(child.pid, 'SIGKILL');
  let killTimer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    if (killTimer !== undefined) return;
    signalGroup(child.pid, 'SIGTERM');
    killTimer = setTimeout(killNow, KILL_GRACE_MS);
  };
  let overdue: { readonly waitedMs: number | undefined } | undefined;
  const atDeadline = () => {
    const waitedMs = child.pid === undefined ? undefined : longestWaitMs(child.pid);
    const putOffMs = Math.min(waitedMs ?? 0, MOST_WAITING * options.deadlineMs);
    const leftMs = options.deadlineMs + putOffMs - (performance.now() - beganAtMs);
    if (leftMs >= 1) {
      deadlineTimer = setTimeout(atDeadline, leftMs);
      return;
    }
    overdue = { waitedMs };
    stop();
  };
  let deadlineTimer = setTimeout(atDeadline, options.deadlineMs);
  process.once('exit', killNow);
  options.signal?.addEventListener('abort', stop, { once: true });

  try {
    const result = await child;
    const endedAtMs = performance.now();
    options.signal?.throwIfAborted();
    const seen = { tookMs: Math.round(endedAtMs - beganAtMs), stderr: foldLine(result.stderr) };
    if (overdue !== undefined) {
      const { waitedMs } = overdue;
      const waited = waitedMs === undefined ? {} : { waitedMs };
      return { end: 'deadline', started: startedAtMs !== undefined, ...waited, ...seen };
    }
    if (result.isMaxBuffer || result.exitCode === undefined) {
      return { end: 'broken', why: foldLine(result.shortMessage ?? 'ended without an exit status'), ...seen };
    }
    const work = startedAtMs === undefined ? {} : { workMs: Math.round(endedAtMs - startedAtMs) };
    return { end: 'exited', exitCode: result.exitCode, ...work, ...seen };
  } finally {
    clearTimeout(deadlineTimer);
    clearTimeout(killTimer);
    process.removeListener('exit', killNow);
    options.signal?.removeEventListener('abort', stop);
  }
}

/** See {@link ProbeRun}; of all threads of a process. */
function longestWaitMs(pid: number): number | undefined {
  const waits = threadsOf(pid).flatMap(
    (tid) => readSchedstat(`/proc/${pid}/task/${tid}/schedstat`)?.waitedMs ?? [],
  );
  return waits.length === 0 ? undefined : Math.round(Math.max(...waits));
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
