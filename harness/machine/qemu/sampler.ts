import { trimRegisters } from '../../hmp/registers.js';
import { type QmpClient, QmpError } from '../../qemu/qmp/index.js';

/** Each sample costs QEMU 1 ms (measured, 7.2); often enough to see the crash path. */
const EVERY_MS = 150;
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

/** Samples until `signal` aborts; resolves when the sample under way is in. */
export async function sampleVcpus(
  qmp: Pick<QmpClient, 'execute'>,
  { signal, onSample }: { signal: AbortSignal; onSample: (text: string) => void },
): Promise<void> {
  while (!signal.aborted) {
    const text = await sampleOnce(qmp);
    if (text !== undefined) onSample(text);
    await pause(EVERY_MS, signal);
  }
}

function pause(forMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, forMs);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
