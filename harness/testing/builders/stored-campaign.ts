/** Campaign directories with plans and verdicts and without recordings, for tests of what reads many of them. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../../model/result.js';
import type { VerdictWord } from '../../model/verdict.js';
import { sha256Of } from '../../cache/sha256.js';
import { madePlan } from './runs.js';

/** One run of {@link writeCampaign}. */
export interface StoredTrial {
  readonly scenario?: string;
  /** Label of the kernel; its sha256 follows from `build`, or from the label. */
  readonly kernel?: string;
  readonly build?: string;
  readonly captureKernel?: string;
  readonly spec?: string;
  readonly verdict: VerdictWord;
  readonly detail?: string;
  readonly degraded?: boolean;
  /** Column of the campaign file. */
  readonly column?: string;
  readonly machine?: string;
  readonly accel?: 'kvm' | 'tcg';
  /** What the scenario itself expects. */
  readonly expect?: VerdictWord;
}

/** Writes `<out>/<path>` with its runs, named 001, 002 and so on; directories that exist are written over. */
export async function writeCampaign(
  out: string,
  { path, at, trials }: { path: string; at: string; trials: readonly StoredTrial[] },
): Promise<string> {
  const directory = join(out, path);
  await mkdir(directory, { recursive: true });
  await writeFile(
    join(directory, 'campaign.json'),
    JSON.stringify({ schema: 1, name: path, createdAt: at, plans: [] }),
  );
  for (const [index, trial] of trials.entries())
    await writeTrial(directory, { name: String(index + 1).padStart(3, '0'), trial });
  return directory;
}

/** Writes one run directory, or another verdict into it. */
export async function writeTrial(
  campaign: string,
  { name, trial }: { name: string; trial: StoredTrial },
): Promise<string> {
  const directory = join(campaign, name);
  await mkdir(directory, { recursive: true });
  const result = resultOf(trial, { name, directory });
  const expect = { verdict: trial.expect ?? 'captured' };
  const plan = madePlan({ scenario: { name: result.scenario, expect } });
  const kernelOf = (label: string, sha256: string) => ({
    ...plan.kernel,
    label,
    sha256,
    spec: trial.spec ?? 'debian:6.1',
  });
  const stored = {
    ...plan,
    runId: name,
    kernel: kernelOf(result.kernel, result.kernelSha256),
    captureKernel: kernelOf(result.captureKernel, result.captureKernelSha256),
    machine: { ...plan.machine, ...(trial.machine === undefined ? {} : { name: trial.machine }) },
    accel: { accel: result.accel, reason: 'made' },
  };
  await writeFile(join(directory, 'plan.json'), JSON.stringify(stored));
  // As crashpath writes it: a new file each time.
  await rm(join(directory, 'verdict.json'), { force: true });
  await writeFile(join(directory, 'verdict.json'), JSON.stringify(result));
  return directory;
}

function resultOf(trial: StoredTrial, { name, directory }: { name: string; directory: string }): RunResult {
  const { scenario = 'sysrq-task', kernel = '6.1.0-56-amd64', verdict, accel = 'tcg' } = trial;
  const captureKernel = trial.captureKernel ?? kernel;
  const sha256 = sha256Of(trial.build ?? kernel);
  return {
    schema: 1,
    runId: name,
    campaign: 'made',
    scenario,
    trial: 1,
    kernel,
    kernelSha256: sha256,
    captureKernel,
    captureKernelSha256: trial.captureKernel === undefined ? sha256 : sha256Of(captureKernel),
    accel,
    ...(trial.machine === undefined ? {} : { machine: trial.machine }),
    verdict,
    ...(verdict === 'captured' ? { quality: trial.degraded === true ? 'degraded' : 'clean' } : {}),
    degradedBy: [],
    detail: trial.detail ?? 'made',
    explanation: 'made',
    expected: 'captured',
    outcome: 'expected',
    ...(trial.column === undefined
      ? {}
      : {
          cell: {
            kernel: trial.column,
            ...(trial.machine === undefined ? {} : { machine: trial.machine }),
          },
        }),
    lastPhase: null,
    phases: [],
    evidence: [],
    durationMs: 10_000,
    directory,
  };
}

/** So many trials alike. */
export function times(count: number, trial: StoredTrial): StoredTrial[] {
  return Array.from({ length: count }, () => trial);
}
