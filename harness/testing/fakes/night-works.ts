/** The works of a night without QEMU: kernels are files with a header, and their releases decide how runs end. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { resolveKernel } from '../../kernel/index.js';
import { harnessFault } from '../../model/fault.js';
import type { Kernel } from '../../model/kernel.js';
import type { RunResult } from '../../model/result.js';
import type { VerdictWord } from '../../model/verdict.js';
import { VERDICTS } from '../../model/verdict.js';
import type { NightPage, NightRunOptions, NightWorks } from '../../nightly/works.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { appendResult } from '../../store/campaign-directory.js';
import { madePlan } from '../builders/runs.js';

/** What tests choose. */
export interface FakeNight {
  /** The cache of real kernel resolution; kernels in it are kept. */
  readonly cacheDir: string;
  /** How a run of a kernel ends; `trial` counts the runs of the scenario on it. */
  readonly verdictOf: (run: { release: string; scenario: string; trial: number }) => VerdictWord;
  /** Time of each run, by the night's clock. */
  readonly runMs?: number;
  /** Time that a run really takes. */
  readonly reallyMs?: number;
  /** Called before a run; throws what the harness would. */
  readonly beforeRun?: (plan: RunPlan, count: number) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/** The fake, and what it has seen. */
export interface FakeNightWorks extends NightWorks, Disposable {
  /** Names of the runs, in order. */
  readonly ran: string[];
  readonly said: string[];
  readonly complained: string[];
  /** What the page was made of, and in which directory. */
  readonly pages: (NightPage & { readonly directory: string })[];
  /** The time of day, which tests may set. */
  wall: Date;
  /** The monotonic clock, milliseconds. */
  nowMs: number;
}

/** Specs that mean a kernel without a file: the default controls. */
const BUILT: Readonly<Record<string, string>> = { stock: '6.1.192-cp-stock', 'no-zap': '6.1.192-cp-no-zap' };

export function fakeNightWorks(fake: FakeNight): FakeNightWorks {
  const trials = new Map<string, number>();
  let nonce = 0;
  const works: FakeNightWorks = {
    ran: [],
    said: [],
    complained: [],
    pages: [],
    wall: new Date('2026-11-27T01:30:00Z'),
    nowMs: 0,
    async resolve(spec) {
      const name = spec.startsWith(`${fake.cacheDir}/kernels/`) ? basename(spec) : spec;
      const release = BUILT[name];
      return release === undefined
        ? await resolveKernel(spec, { cacheDir: fake.cacheDir, offline: true })
        : builtKernel(name, release, fake.cacheDir);
    },
    build: () => Promise.reject(harnessFault('cannot build here')),
    isKept: ({ bzImage }) => bzImage.startsWith(fake.cacheDir),
    async plan(all, _choices, hosts) {
      const plans: RunPlan[] = [];
      for (const [index, { cell, trial }] of all.entries()) {
        const kernel = await works.resolve(cell.spec);
        const base = madePlan();
        plans.push({
          ...base,
          runId: `${index + 1}`,
          trial,
          scenario: cell.scenario,
          kernel,
          captureKernel: kernel,
          ...(cell.cell === undefined ? {} : { cell: cell.cell }),
        });
      }
      return hosts.length === 0 ? [plans] : hosts.map((host) => plans.map((plan) => ({ ...plan, host })));
    },
    async run(directory, plans, options) {
      const results: RunResult[] = [];
      for (const plan of plans) {
        if (options.signal.aborted || !options.mayBegin()) break;
        results.push(await runOne(directory, plan, options));
      }
      return results;
    },
    jobsFor: () => 1,
    report: async (directory, seen) => void works.pages.push({ directory, ...seen }),
    freshNonce: () => `cp-fake-${(nonce += 1)}`,
    wallClock: () => works.wall,
    monotonicMs: () => works.nowMs,
    say: (line) => void works.said.push(line),
    complain: (line) => void works.complained.push(line),
    [Symbol.dispose]: () => undefined,
  };
  async function runOne(directory: string, plan: RunPlan, options: NightRunOptions): Promise<RunResult> {
    await fake.beforeRun?.(plan, works.ran.length + 1);
    options.onStart(plan);
    works.ran.push(plan.runId);
    const at = join(directory, plan.runId);
    await mkdir(at);
    // Written without a sync of the disk, of which these tests need hundreds.
    await writeFile(join(at, 'plan.json'), JSON.stringify(plan));
    if (fake.reallyMs !== undefined) await sleep(fake.reallyMs);
    works.nowMs += fake.runMs ?? 10_000;
    const key = `${plan.scenario.name} ${plan.kernel.release}`;
    const trial = (trials.get(key) ?? 0) + 1;
    trials.set(key, trial);
    const verdict = fake.verdictOf({ release: plan.kernel.release, scenario: plan.scenario.name, trial });
    const result = resultOfFake(plan, { verdict, directory: at, durationMs: fake.runMs ?? 10_000 });
    await writeFile(join(at, 'verdict.json'), JSON.stringify(result));
    await appendResult(directory, result);
    options.onResult(result, plan);
    return result;
  }
  return works;
}

function builtKernel(spec: string, release: string, cacheDir: string): Kernel {
  const sha256 = Buffer.from(release.padEnd(32, '.')).toString('hex').slice(0, 64);
  return {
    spec,
    release,
    label: release,
    sha256,
    bzImage: `${cacheDir}/kernels/${spec}/boot/vmlinuz-${release}`,
  };
}

function resultOfFake(
  plan: RunPlan,
  { verdict, directory, durationMs }: { verdict: VerdictWord; directory: string; durationMs: number },
): RunResult {
  const { expect } = plan.scenario;
  const expected = 'anyOf' in expect ? 'anything' : expect.verdict;
  return {
    schema: 1,
    runId: plan.runId,
    campaign: plan.campaign,
    scenario: plan.scenario.name,
    trial: plan.trial,
    kernel: plan.kernel.label,
    kernelSha256: plan.kernel.sha256,
    captureKernel: plan.captureKernel.label,
    captureKernelSha256: plan.captureKernel.sha256,
    accel: 'tcg',
    verdict,
    ...(verdict === 'captured' ? { quality: 'clean' as const } : {}),
    degradedBy: [],
    detail: 'made',
    explanation: 'made',
    expected,
    outcome: verdict === expected ? 'expected' : VERDICTS[verdict].otherwise,
    lastPhase: null,
    phases: [],
    evidence: [],
    durationMs,
    directory,
  };
}
