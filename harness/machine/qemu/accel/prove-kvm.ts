import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoOf } from '../../../model/errno.js';
import type { ProgramHost } from '../program-host.js';
import type { AccelProof, KvmProof } from './proof.js';
import { runProbeThere } from './probe-there.js';
import { EXIT_SUM_RIGHT, EXIT_SUM_WRONG } from './probe-guest.js';
import { KILL_GRACE_MS, type ProbeRun, type ProbeRunOptions, runProbeGuest } from './run-probe-guest.js';

/** Work of the probe's guest: ~0.4 s under TCG, ~0.05 s on a CPU; emulated by KVM (35 us a turn) an hour. */
export const PROBE_TURNS = 100_000_000;

/** Longest run of the guest under KVM in its own time (see `runProbeGuest`), including the time to kill it. */
export const KVM_PROBE_MS = 3_000;

/** Part of {@link KVM_PROBE_MS} in which the kernel tears down a killed QEMU. */
const REAP_MS = 250;

/** Longest run of the guest under TCG: 20 times what an idle host needs. */
export const TCG_PROBE_MS = 10_000;

/** Longest time of both guests at a scale, on a host that gives them its CPUs. Pure. */
export function probeLimitMs(scale = 1): number {
  return scale * (TCG_PROBE_MS + KVM_PROBE_MS);
}

/** Limit of KVM's counting when there is no TCG to compare with: 10 ns per turn; times the scale. */
export const WORK_LIMIT_WITHOUT_TCG_MS = 1_000;

/** A shorter wait for the host's CPUs does not explain a slow guest. */
const WORTH_SAYING_MS = 100;

/** Settings of a proof; only tests change the defaults. */
export interface ProveOptions {
  readonly qemuPath: string;
  /** Accelerators built into this QEMU. */
  readonly builtIn: ReadonlySet<string>;
  /** The host whose KVM is tried; this one when absent. */
  readonly host?: ProgramHost | undefined;
  readonly turns?: number | undefined;
  /** Factor on the limits, 1 or more, for slow hosts. */
  readonly scale?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Why the KVM device cannot be used, or undefined when it opens for reading and writing. */
export async function deviceProblem(device: string): Promise<KvmProof | undefined> {
  try {
    const handle = await open(device, constants.O_RDWR);
    await handle.close();
    return undefined;
  } catch (error) {
    const code = errnoOf(error) ?? 'unknown error';
    if (code === 'EACCES' || code === 'EPERM') {
      return { outcome: 'no-permission', tried: false, detail: `${device} may not be opened (${code})` };
    }
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be opened (${code})`;
    return { outcome: 'no-device', tried: false, detail: `${device} ${why}` };
  }
}

/**
 * Runs the same guest under TCG, then under KVM, and judges. That /dev/kvm opens, and that a few instructions run
 * there, proves nothing: on some nested hosts KVM emulates every guest instruction, 10,000 times slower than TCG, and a
 * stock kernel never starts. So the guest has 10^8 turns of work to do.
 *
 * The comparison: KVM must count to the end, with the right sum, in less time than TCG needed for the same count a
 * moment before, and all of it within {@link KVM_PROBE_MS}. The clock runs from the guest's mark "about to count" to
 * QEMU's end: the start of QEMU and its firmware, the same for both and several times the work of a real CPU, would
 * hide a slow KVM, or fail a good one on a busy host. Without TCG in this QEMU (or when TCG did not end in time) the
 * limit of KVM's count is {@link WORK_LIMIT_WITHOUT_TCG_MS}. `scale` stretches the limits and leaves the comparison as it
 * is.
 */
export async function proveKvm(options: ProveOptions): Promise<AccelProof> {
  const { qemuPath, host, signal } = options;
  const { scale = 1 } = options;
  const common = { qemuPath, turns: options.turns ?? PROBE_TURNS, signal };
  const run = (probe: ProbeRunOptions) =>
    host === undefined ? runProbeGuest(probe) : runProbeThere(host, probe);
  const tcg = options.builtIn.has('tcg')
    ? await run({ ...common, accel: 'tcg', deadlineMs: scale * TCG_PROBE_MS })
    : undefined;
  const kvm = await run({
    ...common,
    accel: 'kvm',
    deadlineMs: scale * KVM_PROBE_MS - KILL_GRACE_MS - REAP_MS,
  });
  const tcgWorkMs = tcg === undefined ? undefined : finishedWorkMs(tcg);
  return {
    kvm: judgeKvm(kvm, tcgWorkMs, scale),
    ...(tcg === undefined || tcgWorkMs === undefined ? {} : { tcgTookMs: tcg.tookMs, tcgWorkMs }),
  };
}

/** Time of the counting in a run that ended properly, else undefined. */
function finishedWorkMs(run: ProbeRun): number | undefined {
  return run.end === 'exited' && run.exitCode === EXIT_SUM_RIGHT ? run.workMs : undefined;
}

/** What a run under KVM proves, compared with the time that TCG took for the same work (undefined: not known). Pure. */
export function judgeKvm(run: ProbeRun, tcgWorkMs: number | undefined, scale = 1): KvmProof {
  const { tookMs } = run;
  if (run.end === 'deadline') {
    const how = run.started ? 'began its work but did not end' : 'did not begin its work';
    const { waitedMs } = run;
    const waited =
      waitedMs === undefined || waitedMs < WORTH_SAYING_MS ? '' : ` (${waitedMs} ms without a CPU)`;
    const detail = `the probe guest ${how} within ${tookMs} ms${waited}${comparedWith(tcgWorkMs)}`;
    return {
      outcome: 'too-slow',
      tried: true,
      tookMs,
      ended: false,
      ...(waitedMs === undefined ? {} : { waitedMs }),
      detail,
    };
  }
  if (run.end === 'broken') {
    return { outcome: 'failed', tried: true, tookMs, detail: `QEMU broke off: ${run.why}` };
  }
  if (run.exitCode !== EXIT_SUM_RIGHT) {
    return { outcome: 'failed', tried: true, tookMs, detail: whyNot(run) };
  }
  if (run.workMs === undefined) {
    const detail = 'the probe guest ended well without its mark on the debug console';
    return { outcome: 'failed', tried: true, tookMs, detail };
  }
  const detail = `the probe guest did its work in ${run.workMs} ms${comparedWith(tcgWorkMs)}`;
  const fastEnough =
    tcgWorkMs === undefined ? run.workMs <= scale * WORK_LIMIT_WITHOUT_TCG_MS : run.workMs < tcgWorkMs;
  return fastEnough
    ? { outcome: 'proved', tried: true, tookMs, workMs: run.workMs, detail }
    : { outcome: 'too-slow', tried: true, tookMs, ended: true, detail };
}

function comparedWith(tcgWorkMs: number | undefined): string {
  return tcgWorkMs === undefined ? '' : `, under TCG it took ${tcgWorkMs} ms`;
}

function whyNot(run: Extract<ProbeRun, { end: 'exited' }>): string {
  if (run.exitCode === EXIT_SUM_WRONG) return 'the probe guest counted wrong';
  const said = run.stderr === '' ? '' : `: ${run.stderr}`;
  return `QEMU ended with status ${run.exitCode} where ${EXIT_SUM_RIGHT} was due${said}`;
}
