import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { signalGroup } from '../../../host/process-group.js';
import { messageOf } from '../../../model/errno.js';
import { harnessFault } from '../../../model/fault.js';
import { findQemu } from '../accel/ask-qemu.js';
import { parentDeathPrefix } from '../accel/parent-death.js';
import { type QemuExit, type QemuProcess, stopWithin } from '../process.js';
import { type Command, type Report, ReportSchema } from './protocol.js';

const SUPERVISOR = fileURLToPath(new URL('./supervisor.js', import.meta.url));
/** The start of node, and QEMU's fork; a busy host may take long. */
const STARTED_WITHIN_MS = 20_000;
const KEPT_WITHIN_MS = 10_000;
/** The supervisor's grace for QEMU, and as much. */
const STOPPED_WITHIN_MS = 12_000;

/** A QEMU with a supervisor: it can outlive crashpath. */
export interface SupervisedQemu extends QemuProcess {
  /**
   * Hands QEMU over: it stays up for so many minutes, or until its supervisor is asked to end it. `files` are removed
   * with it. Throws a harness fault; QEMU is crashpath's then as before.
   */
  keep(options: { readonly minutes: number; readonly files: readonly string[] }): Promise<void>;
}

/**
 * Starts QEMU in `cwd` under a supervisor in a process group of its own. QEMU ends with the supervisor, and the supervisor
 * ends when this process does, unless QEMU was handed over to it. Throws a harness fault when the binary is missing.
 */
export async function startSupervised(
  binary: string,
  args: readonly string[],
  cwd: string,
): Promise<SupervisedQemu> {
  const command = [...(await parentDeathPrefix()), await findQemu(binary), ...args];
  const child = spawn(process.execPath, [SUPERVISOR], {
    cwd,
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let stderr = '';
  const waiting: { readonly of: Report['report']; readonly take: (report: Report | undefined) => void }[] =
    [];
  let failure = 'its supervisor has ended';
  let settle: (end: QemuExit) => void = () => undefined;
  const exited = new Promise<QemuExit>((resolve) => {
    settle = resolve;
  });
  const give = (report: Report) => {
    for (const { of, take } of waiting.splice(0)) {
      if (of === report.report) take(report);
      else if (report.report === 'failed') take(undefined);
      else waiting.push({ of, take });
    }
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    const report = ReportSchema.parse(JSON.parse(line));
    if (report.report === 'stderr') stderr = report.tail;
    if (report.report === 'failed') failure = report.why;
    if (report.report === 'exit') settle({ code: report.code, signal: report.signal, stderr: report.stderr });
    give(report);
  });
  child.stdin.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => {
    const gone = (why: string) => {
      failure = why;
      for (const { take } of waiting.splice(0)) take(undefined);
      settle({ code: null, signal: 'SIGKILL', stderr: `${stderr}${why}\n` });
      resolve();
    };
    child.once('error', (error) => gone(messageOf(error)));
    child.once('close', () => gone(failure));
  });
  const tell = (order: Command) => {
    child.stdin.write(`${JSON.stringify(order)}\n`);
  };
  const reported = (of: Report['report'], withinMs: number) =>
    new Promise<Report | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), withinMs);
      waiting.push({
        of,
        take(report) {
          clearTimeout(timer);
          resolve(report);
        },
      });
    });
  // For an exit of this process that skips the teardown: the supervisor's stdin closes, and it ends QEMU.
  const started = reported('started', STARTED_WITHIN_MS);
  tell({ do: 'start', command });
  const report = await started;
  if (report?.report !== 'started') {
    signalGroup(child.pid, 'SIGKILL');
    throw harnessFault(`cannot start QEMU "${binary}" under its supervisor: ${failure}; run again`);
  }
  return {
    pid: report.pid,
    exited,
    stderrTail: () => stderr,
    async stop() {
      tell({ do: 'end' });
      const end = await stopWithin(exited, STOPPED_WITHIN_MS, () => signalGroup(child.pid, 'SIGKILL'));
      await ended;
      return end;
    },
    async keep(options) {
      const kept = reported('kept', KEPT_WITHIN_MS);
      tell({ do: 'keep', minutes: options.minutes, files: [...options.files] });
      if ((await kept)?.report !== 'kept')
        throw harnessFault(`cannot leave the guest up: ${failure}; run again`);
      child.stdin.destroy();
      child.stdout.destroy();
      child.unref();
    },
  };
}
