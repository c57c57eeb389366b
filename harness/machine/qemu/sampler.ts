import { HOST_CLOCK } from '../../host/clock.js';
import { trimRegisters } from '../../hmp/registers.js';
import type { Clock } from '../clock.js';
import { type QmpClient, QmpError } from '../../qemu/qmp/index.js';

/** Between two samples at least: often enough to see the crash path. A sample costs QEMU 1 ms under TCG (measured, 7.2). */
const LEAST_PAUSE_MS = 150;
/** Where samples cost more, they take at most this part of the time: each stops all vCPUs under KVM. */
const MOST_SHARE = 0.05;
/** A guest that is seen less often than this is hardly followed. */
const MOST_PAUSE_MS = 5_000;
/** The cheapest of so many samples shows what one costs: the others waited for a busy host. */
const SAMPLES_KEPT = 8;
const ANSWER_DEADLINE_MS = 5_000;

/** The monitor command that is sampled; its replies go to the samples, not to the QMP log. */
export const SAMPLE_COMMAND = 'info registers -a';

/** Reads all vCPUs' registers once; undefined when QEMU does not answer. */
export async function sampleOnce(qmp: Pick<QmpClient, 'execute'>): Promise<string | undefined> {
  try {
    const text = await qmp.execute(
      'human-monitor-command',
      { 'command-line': SAMPLE_COMMAND },
      { deadlineMs: ANSWER_DEADLINE_MS },
    );
    return trimRegisters(text);
  } catch (error) {
    // QEMU's exit or the run's own deadlines report a monitor that is gone or busy.
    if (error instanceof QmpError) return undefined;
    throw error;
  }
}

/**
 * The pause after a sample, milliseconds; `tookMs`: how long the latest answers took. An emulated host, where an answer
 * takes 200 ms, is sampled every 4 s (measured: every 150 ms took half of its CPU). Pure.
 */
export function pauseAfter(tookMs: readonly number[]): number {
  const costMs = Math.min(...tookMs.slice(-SAMPLES_KEPT));
  if (!Number.isFinite(costMs)) return LEAST_PAUSE_MS;
  return Math.min(MOST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, costMs / MOST_SHARE - costMs));
}

/** Samples until `signal` aborts; resolves when the sample under way is in. The clock is the host's when absent. */
export async function sampleVcpus(
  qmp: Pick<QmpClient, 'execute'>,
  {
    signal,
    onSample,
    clock = HOST_CLOCK,
  }: { signal: AbortSignal; onSample: (text: string) => void; clock?: Clock },
): Promise<void> {
  let tookMs: number[] = [];
  while (!signal.aborted) {
    const beganMs = clock.nowMs();
    const text = await sampleOnce(qmp);
    if (text !== undefined) {
      tookMs = [...tookMs, clock.nowMs() - beganMs].slice(-SAMPLES_KEPT);
      onSample(text);
    }
    await pause(pauseAfter(tookMs), { signal, clock });
  }
}

function pause(
  forMs: number,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(forMs, done);
    function done() {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
