import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { harnessFault, usageFault } from '../model/fault.js';
import { openQemu } from '../machine/qemu/open.js';
import { executeRun } from '../run/execute-run.js';
import { createRunDirectory } from '../store/run-directory.js';
import { LKDTM_PROOF, offerFromWords } from '../trigger/lkdtm-offer.js';
import { crashPointsText } from './crash-points-text.js';
import { say } from './context.js';
import { interruptible } from './interruptible.js';
import { cacheDirectory } from './places.js';
import { planRuns } from './plan-runs.js';

/** A warning is the mildest that lkdtm does; the guest is killed after it. */
const SCENARIO = `version: 1
name: crash-points
summary: what lkdtm offers
crashKernel: absent
trigger: { kind: lkdtm, point: DIRECT, type: WARNING }
watchMs: 500
expect: { verdict: no-panic }
`;

/** Boots a kernel, asks its lkdtm and prints its crash points and types; a kernel without one is a usage fault. */
export async function printCrashPoints({
  spec,
  json,
  timeoutScale,
}: {
  spec: string;
  json: boolean;
  timeoutScale?: number | undefined;
}): Promise<void> {
  const said = await askGuest(spec, timeoutScale ?? 1);
  const offer = said.proved ? offerFromWords(said.saw) : undefined;
  if (offer === undefined) {
    throw usageFault(`cannot list the crash points of "${spec}": ${said.saw}; build a kernel that has lkdtm`);
  }
  process.stdout.write(crashPointsText(spec, offer, { json }));
}

async function askGuest(spec: string, timeoutScale: number): Promise<{ proved: boolean; saw: string }> {
  const stop = interruptible();
  const directory = await mkdtemp(join(tmpdir(), 'crashpath-points-'));
  try {
    const file = join(directory, 'crash-points.yaml');
    await writeFile(file, SCENARIO);
    const [plan] = await planRuns(
      {
        scenario: [file],
        kernel: [spec],
        captureKernel: undefined,
        append: undefined,
        captureAppend: undefined,
        crashkernel: undefined,
        cpus: undefined,
        memory: undefined,
        machineProfile: [],
        machine: undefined,
        cpuModel: undefined,
        accel: 'auto',
        repeat: 1,
        timeoutScale,
      },
      'crash-points',
    );
    if (plan === undefined) throw new Error('nothing was planned');
    say(`${plan.kernel.release}: starting (${plan.accel.accel})`);
    let said: { proved: boolean; saw: string } | undefined;
    const result = await executeRun(plan, await createRunDirectory(directory, plan), {
      open: openQemu,
      signal: stop.signal,
      cacheDir: cacheDirectory(),
      onEvent: (event) => {
        if (event.type === 'host' && event.fact.fact === 'proof' && event.fact.what === LKDTM_PROOF)
          said = event.fact;
      },
    });
    if (said !== undefined) return said;
    throw harnessFault(
      `cannot list the crash points of "${spec}": ${result.explanation}; run a scenario on it to see why`,
    );
  } finally {
    stop.release();
    await rm(directory, { recursive: true, force: true });
  }
}
