import { closeSync, constants, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { classify } from '../classify/classify.js';
import { resultOf } from '../classify/result.js';
import type { RunEvent } from '../model/event.js';
import { Fault } from '../model/fault.js';
import type { RunResult } from '../model/result.js';
import type { RunPlan } from '../model/run-plan.js';
import { RUN_FILES } from '../machine/qemu/arguments.js';
import { type QemuProcess, startQemu } from '../machine/qemu/process.js';
import { connectGdb } from '../qemu/gdbstub/index.js';
import { connectQmp, type QmpClient, QmpError } from '../qemu/qmp/index.js';
import { connectQtest } from '../qemu/qtest/index.js';
import { openRecorder } from '../store/recorder.js';
import { saveOutcome } from '../store/run-directory.js';
import { openUartChannel, type UartChannel } from '../machine/qemu/uart.js';
import { crashGuest } from './crash-guest.js';
import { liveGuest } from './live-guest.js';
import { openNetwork } from '../machine/qemu/network.js';
import { prepareGuest } from './prepare-guest.js';
import { qmpLog } from '../machine/qemu/qmp-log.js';
import { watchRunState } from '../machine/qemu/run-state.js';
import { RunEnded, RunWatch } from './run-watch.js';
import { SourceBank } from './source-bank.js';
import { sampleOnce, sampleVcpus } from '../machine/qemu/sampler.js';

/** Options of {@link executeRun}. */
export interface ExecuteOptions {
  /** Stops the run: it is recorded as interrupted and QEMU is killed. */
  readonly signal?: AbortSignal | undefined;
  /** Every event as it is read, for progress. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
  /** Where a kernel's symbols are kept between runs; absent: read in each run. */
  readonly cacheDir?: string | undefined;
}

/**
 * Executes one planned run in its directory (which holds the plan already): boots, crashes, records, judges, saves the
 * timeline and the verdict. Whatever happens, no QEMU is left behind. Throws a harness fault only when the recording
 * itself cannot be written; everything else is a verdict.
 */
export async function executeRun(
  plan: RunPlan,
  directory: string,
  options: ExecuteOptions = {},
): Promise<RunResult> {
  const recorder = openRecorder(directory);
  const watch = new RunWatch(recorder, plan.limits, options.onEvent);
  const interrupt = () => {
    watch.fact({ fact: 'interrupted', by: String(options.signal?.reason ?? 'a signal') });
  };
  options.signal?.addEventListener('abort', interrupt);
  if (options.signal?.aborted === true) interrupt();
  const total = setTimeout(() => {
    watch.fact({ fact: 'deadline', what: 'the whole run', limitMs: plan.limits.totalMs });
    watch.end('the whole run did not end in time');
  }, plan.limits.totalMs);
  try {
    await runGuest(plan, { directory, watch, cacheDir: options.cacheDir });
  } finally {
    clearTimeout(total);
    options.signal?.removeEventListener('abort', interrupt);
    watch.fact({ fact: 'ended', why: watch.ended ?? 'unknown' });
    watch.finish();
    recorder.close();
  }
  if (watch.fault !== undefined) throw watch.fault;
  const result = resultOf(classify(watch.events, plan), plan, { events: watch.events, directory });
  await saveOutcome(directory, { events: watch.events, result });
  return result;
}

/** Everything that must be undone, last first; each step is tried even if another fails. */
class Teardown {
  readonly #steps: (() => unknown)[] = [];

  defer(step: () => unknown): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.toReversed()) {
      try {
        await step();
      } catch {
        // A step fails when what it undoes is gone already (a socket of a dead QEMU).
      }
    }
  }
}

async function runGuest(plan: RunPlan, stage: Omit<Stage, 'teardown'>): Promise<void> {
  const { watch } = stage;
  const teardown = new Teardown();
  try {
    await drive(plan, { ...stage, teardown });
    watch.end('the script came to its end');
  } catch (error) {
    if (!(error instanceof RunEnded)) {
      if (watch.ended === undefined) {
        watch.fact({
          fact: 'harness-fault',
          message: error instanceof Fault ? error.message : String(error),
        });
      }
      watch.end('the harness failed');
    }
  } finally {
    await teardown.run();
  }
}

interface Stage {
  readonly directory: string;
  readonly watch: RunWatch;
  readonly teardown: Teardown;
  readonly cacheDir: string | undefined;
}

async function drive(plan: RunPlan, { directory, watch, teardown, cacheDir }: Stage): Promise<void> {
  const folder = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  teardown.defer(() => closeSync(folder));
  const base = `/proc/self/fd/${folder}`;
  for (const socket of [RUN_FILES.qmpSocket, RUN_FILES.gdbSocket, RUN_FILES.qtestSocket]) {
    teardown.defer(() => rm(join(directory, socket), { force: true }));
  }
  const open = async (channel: 'console' | 'control'): Promise<UartChannel> => {
    let heard = 0;
    const name = channel === 'console' ? RUN_FILES.consolePipe : RUN_FILES.controlPipe;
    const opened = await openUartChannel(directory, name, (bytes) => {
      const room = plan.limits.channelBytes - heard;
      if (room <= 0) return;
      const kept = bytes.subarray(0, room);
      heard += kept.length;
      watch.take((recorder) => recorder.chunk(channel, kept));
      if (heard >= plan.limits.channelBytes) {
        watch.fact({ fact: 'channel-limit', channel, limitBytes: plan.limits.channelBytes });
      }
    });
    teardown.defer(() => opened.close());
    return opened;
  };
  const consoleLine = await open('console');
  const control = await open('control');
  const network = await openNetwork(plan.scenario.guest.nic, { base, directory });
  teardown.defer(() => network?.close());
  if (watch.ended !== undefined) throw new RunEnded(watch.ended);

  const qemu = await startQemu(plan.qemu.binary, plan.qemu.args, directory);
  watch.fact({ fact: 'qemu-started', pid: qemu.pid });
  let asked = false;
  const gone = new AbortController();
  const exit = qemu.exited.then(({ code, signal, stderr }) => {
    gone.abort(new RunEnded('qemu-exit'));
    watch.fact({ fact: 'qemu-exit', code, signal, asked, stderr });
  });
  teardown.defer(async () => {
    asked = true;
    await qemu.stop();
    await exit;
  });

  const qmp = await monitor(plan, { base, qemu, watch, signal: gone.signal });
  teardown.defer(() => qmp.close());
  // TCG gives no guest up; under it, a debugger's thousands of stops would only cost questions.
  if (plan.accel.accel === 'kvm') {
    teardown.defer(watchRunState(qmp, { watch, stderrTail: () => qemu.stderrTail() }));
  }
  const sampling = new AbortController();
  const sources = new SourceBank();
  teardown.defer(() => sources.stop());
  const guest = liveGuest(plan, watch, {
    sources,
    qmp,
    control,
    consoleLine,
    cacheDir,
    network,
    connectDebugger: async () => {
      const gdb = await connectGdb(
        { path: join(base, RUN_FILES.gdbSocket) },
        { accel: plan.accel.accel, signal: gone.signal },
      );
      // QEMU is killed next: nobody has to be let go.
      teardown.defer(() => gdb.close({ guest: 'leave' }));
      return gdb;
    },
    connectQtest: async () => {
      const qtest = await connectQtest({ path: join(base, RUN_FILES.qtestSocket) }, { signal: gone.signal });
      teardown.defer(() => qtest.close());
      // Undone before that: lines are let go, and what the sources did is recorded.
      teardown.defer(() => sources.stop());
      return qtest;
    },
  });
  const openProofs = await prepareGuest(guest);
  const samples = sampleVcpus(qmp, {
    signal: sampling.signal,
    onSample: (text) => watch.take((recorder) => recorder.sample(text)),
  });
  teardown.defer(async () => {
    sampling.abort();
    await samples;
    // Where the vCPUs stand now says where a reset or a hang happened.
    const last = await sampleOnce(qmp);
    if (last !== undefined) watch.take((recorder) => recorder.sample(last));
  });
  await crashGuest(guest, openProofs);
}

async function monitor(
  plan: RunPlan,
  { base, qemu, watch, signal }: { base: string; qemu: QemuProcess; watch: RunWatch; signal: AbortSignal },
): Promise<QmpClient> {
  const record = qmpLog();
  try {
    return await connectQmp(
      { path: join(base, RUN_FILES.qmpSocket) },
      {
        connectDeadlineMs: plan.limits.qemuStartMs,
        signal,
        stderrTail: () => qemu.stderrTail(),
        onMessage: (direction, message) => {
          const kept = record(direction, message);
          if (kept !== undefined) {
            watch.take((recorder) => recorder.qmp(direction === 'sent' ? 'out' : 'in', kept));
          }
        },
      },
    );
  } catch (error) {
    // A QEMU that cannot start (a bad --machine, no KVM) says why on stderr; its exit is the fact that counts.
    if (error instanceof QmpError && watch.ended === undefined) {
      watch.fact({ fact: 'harness-fault', message: error.message });
    }
    throw error;
  }
}
