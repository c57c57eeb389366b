import { execa } from 'execa';
import { harnessFault } from '../../model/fault.js';
import { findQemu } from './accel/ask-qemu.js';
import { parentDeathPrefix } from './accel/parent-death.js';
import { signalGroup } from '../../host/process-group.js';

/** Between SIGTERM and SIGKILL: a QEMU whose vCPU is stuck in a broken KVM never handles SIGTERM (measured). */
const KILL_GRACE_MS = 1_000;
/** From SIGKILL to the end; a task in uninterruptible sleep (state D) does not end before it wakes up. */
const KILLED_WITHIN_MS = 10_000;
const STDERR_TAIL_CHARACTERS = 4_096;

/** How QEMU ended. */
export interface QemuExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** The connection to QEMU's host was lost: QEMU ends there by itself, and nobody sees how. */
export interface QemuLost {
  /** Why, a clause. */
  readonly lost: string;
}

/** A running QEMU, leader of its own process group. */
export interface QemuProcess {
  readonly pid: number;
  /** Settles when the process is gone, or its host; never rejects. */
  readonly exited: Promise<QemuExit | QemuLost>;
  /** The end of what QEMU printed on stderr, at most 4 KiB. */
  stderrTail(): string;
  /** SIGTERM, then SIGKILL to the group; resolves when it is gone. Throws a harness fault when it cannot be killed. */
  stop(): Promise<QemuExit | QemuLost>;
}

/**
 * Starts QEMU in `cwd`. The kernel kills it when this process dies, even by SIGKILL (prctl PR_SET_PDEATHSIG through
 * setpriv). Throws a harness fault when the binary is missing.
 */
export async function startQemu(binary: string, args: readonly string[], cwd: string): Promise<QemuProcess> {
  const command = [...(await parentDeathPrefix(process.pid)), await findQemu(binary), ...args];
  const [file = '', ...rest] = command;
  let tail = '';
  const child = execa(file, rest, {
    cwd,
    detached: true,
    reject: false,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    buffer: false,
  });
  child.stderr.on('data', (bytes: Buffer) => {
    tail = (tail + bytes.toString('latin1')).slice(-STDERR_TAIL_CHARACTERS);
  });
  const { pid } = child;
  // For an exit of this process that skips the teardown.
  const killNow = () => signalGroup(pid, 'SIGKILL');
  process.once('exit', killNow);
  const exited = child.then((result): QemuExit => {
    process.removeListener('exit', killNow);
    return { code: result.exitCode ?? null, signal: result.signal ?? null, stderr: tail };
  });
  return {
    pid: pid ?? -1,
    exited,
    stderrTail: () => tail,
    stop: () => stopGroup({ pid, exited }, { graceMs: KILL_GRACE_MS, killedWithinMs: KILLED_WITHIN_MS }),
  };
}

/**
 * SIGTERM to a process group, SIGKILL after `graceMs`; resolves when its leader has ended. Throws a harness fault when it
 * has not ended `killedWithinMs` after SIGKILL, or may not be signalled.
 */
export async function stopGroup<Exit>(
  { pid, exited }: { readonly pid: number | undefined; readonly exited: Promise<Exit> },
  { graceMs, killedWithinMs }: { readonly graceMs: number; readonly killedWithinMs: number },
): Promise<Exit> {
  const timers: NodeJS.Timeout[] = [];
  const late = new Promise<never>((_, reject) => {
    const kill = () => {
      try {
        signalGroup(pid, 'SIGKILL');
      } catch (error) {
        reject(error);
      }
    };
    timers.push(setTimeout(kill, graceMs));
    const give = () =>
      reject(
        harnessFault(
          `cannot kill process "${pid}": it is still there ${killedWithinMs} ms after SIGKILL; look at its state in /proc/${pid}/status`,
        ),
      );
    timers.push(setTimeout(give, graceMs + killedWithinMs));
  });
  try {
    signalGroup(pid, 'SIGTERM');
    return await Promise.race([exited, late]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

/** Waits for an end; after `limitMs` it calls `kill`, which must bring it, and waits on. */
export async function stopWithin<Exit>(
  exited: Promise<Exit>,
  limitMs: number,
  kill: () => void,
): Promise<Exit> {
  const timer = setTimeout(kill, limitMs);
  try {
    return await exited;
  } finally {
    clearTimeout(timer);
  }
}
