import { join } from 'node:path';
import { z } from 'zod';
import { matches } from '../model/expectation.js';
import { isCutOff, RunResultSchema } from '../model/result.js';
import { VERDICTS } from '../model/verdict.js';
import { RunPlanSchema } from '../plan/run-plan.js';
import { ScenarioSchema } from '../plan/scenario.js';
import type { Build, CellName } from '../stats/cell-history.js';
import { seenOf, tallyOf } from '../stats/tally.js';
import { readJsonSync } from '../store/stored-file.js';

/** What the index holds of a run. */
export interface IndexedTrial {
  readonly cell: CellName;
  readonly build: Build;
  /** With its quality: `captured (degraded)`. */
  readonly verdict: string;
  /** Absent when the run was not judged. */
  readonly failed: boolean | undefined;
  readonly kind: 'judged' | 'void' | 'harnessErrors';
}

// Only what is used: these are read a hundred thousand times.
const VerdictSchema = RunResultSchema.pick({
  schema: true,
  scenario: true,
  kernel: true,
  kernelSha256: true,
  captureKernel: true,
  captureKernelSha256: true,
  accel: true,
  machine: true,
  verdict: true,
  quality: true,
  degradedBy: true,
  detail: true,
  cell: true,
});
const PlanSchema = z.object({
  scenario: z.object(ScenarioSchema.pick({ crashKernel: true, expect: true }).shape),
  kernel: RunPlanSchema.shape.kernel.pick({ spec: true }),
  captureKernel: RunPlanSchema.shape.captureKernel.pick({ spec: true }),
});

/** Longest name that is kept, characters. */
const NAME_CHARACTERS = 300;

/**
 * Reads one run. Undefined when it is no trial: it has no readable verdict or plan, or was cut off.
 *
 * A trial failed when it was judged and not captured, as in a comparison. Where a healthy kernel has nothing to capture
 * (no crash kernel, no panic) it failed when its verdict is not the scenario's own expectation. An expectation of a
 * campaign file does not count: it differs between kernels, and may change from night to night.
 */
export function readTrial(directory: string): IndexedTrial | undefined {
  const result = VerdictSchema.safeParse(readJsonSync(join(directory, 'verdict.json'))).data;
  const plan = PlanSchema.safeParse(readJsonSync(join(directory, 'plan.json'))).data;
  if (result === undefined || plan === undefined || isCutOff(result)) return undefined;
  const { scenario, kernel, captureKernel } = plan;
  const isPair = result.captureKernelSha256 !== result.kernelSha256;
  const spec = isPair ? `${kernel.spec} -> ${captureKernel.spec}` : kernel.spec;
  const { trialClass } = VERDICTS[result.verdict];
  const { failures, judged } = seenOf(tallyOf([result.verdict]));
  const captureDue = scenario.crashKernel !== 'absent' && VERDICTS[scenario.expect.verdict].captureDue;
  return {
    cell: {
      scenario: bounded(result.scenario),
      kernel: bounded(result.cell?.kernel ?? spec),
      machine: result.machine === undefined ? undefined : bounded(result.machine),
      accel: result.accel,
    },
    build: {
      label: bounded(result.kernel),
      sha256: bounded(result.kernelSha256),
      capture: isPair
        ? { label: bounded(result.captureKernel), sha256: bounded(result.captureKernelSha256) }
        : undefined,
    },
    verdict: result.quality === 'degraded' ? `${result.verdict} (degraded)` : result.verdict,
    failed: judged === 0 ? undefined : captureDue ? failures > 0 : !matches(result, scenario.expect),
    kind: trialClass === 'void' || trialClass === 'harnessErrors' ? trialClass : 'judged',
  };
}

function bounded(name: string): string {
  return name.slice(0, NAME_CHARACTERS);
}
