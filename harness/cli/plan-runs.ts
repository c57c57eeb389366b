import { randomBytes } from 'node:crypto';
import { buildImages } from '../guest/image/build-images.js';
import { configOf, missingForCrash, modulesFor, resolveKernel } from '../kernel/index.js';
import { usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { RunPlan } from '../model/run-plan.js';
import type { Scenario } from '../model/scenario.js';
import { makePlan } from '../plan/make-plan.js';
import { type AccelRequest, chooseAccelerator } from '../qemu/accel/choose-accelerator.js';
import { cacheDirectory, qemuBinary, say } from './context.js';
import { loadScenario } from './scenario-files.js';

/** What the command line says about which runs there are. */
export interface RunChoices {
  readonly scenario: readonly string[];
  readonly kernel: readonly string[];
  readonly captureKernel: string | undefined;
  readonly append: string | undefined;
  readonly captureAppend: string | undefined;
  readonly crashkernel: string | undefined;
  readonly cpus: number | undefined;
  readonly memory: number | undefined;
  readonly machine: string | undefined;
  readonly cpuModel: string | undefined;
  readonly accel: AccelRequest;
  readonly repeat: number;
  readonly timeoutScale: number;
}

/** Resolves scenarios, kernels, accelerator and images, and lays out every run: scenario x kernel x repeat. */
export async function planRuns(choices: RunChoices, campaign: string): Promise<RunPlan[]> {
  if (choices.scenario.length === 0) {
    throw usageFault('cannot run nothing: name at least one scenario; see crashpath list');
  }
  if (choices.kernel.length === 0) {
    throw usageFault('cannot run without a kernel: give --kernel, e.g. --kernel debian:6.1');
  }
  const cacheDir = cacheDirectory();
  const scenarios = await Promise.all(choices.scenario.map(loadScenario));
  const resolveSpec = (spec: string) => resolveKernel(spec, { cacheDir, onProgress: say });
  const capture = choices.captureKernel === undefined ? undefined : await resolveSpec(choices.captureKernel);
  const accel = await chooseAccelerator(choices.accel, { qemuBinary: qemuBinary(), cacheDir });
  say(`accelerator: ${accel.accel}. ${accel.reason}`);
  const plans: RunPlan[] = [];
  for (const spec of choices.kernel) {
    const kernel = await resolveSpec(spec);
    const captureKernel = capture ?? kernel;
    await requireCrashSupport(kernel, captureKernel, scenarios);
    for (const scenario of scenarios) {
      const initrd = await imageFor(scenario, kernel, captureKernel);
      for (let trial = 1; trial <= choices.repeat; trial++) {
        const number = String(plans.length + 1).padStart(3, '0');
        const runId = `${number}-${scenario.name}-${kernel.label.replace(/[^\w.+-]/g, '_').slice(0, 64)}`;
        plans.push(
          makePlan(
            scenario,
            {
              kernel,
              captureKernel,
              accel: { accel: accel.accel, reason: accel.reason },
              qemu: { binary: qemuBinary(), version: accel.qemuVersion },
              initrd,
            },
            {
              identity: { campaign, runId, trial, nonce: freshNonce() },
              choices: { ...choices, memoryMiB: choices.memory },
            },
          ),
        );
      }
    }
  }
  return plans;
}

/** A nonce no run ever had: 128 random bits, short enough for a host name. */
export function freshNonce(): string {
  return `cp-${randomBytes(16).toString('hex')}`;
}

async function imageFor(scenario: Scenario, kernel: Kernel, captureKernel: Kernel): Promise<string> {
  const names = scenario.guest.modules ?? [];
  const modules = names.length === 0 ? [] : await modulesFor(kernel, names);
  const images = await buildImages(
    { captureKernel, modules, captureModules: [] },
    { cacheDir: cacheDirectory(), onProgress: say },
  );
  return images.production.path;
}

/** A kernel that cannot do its part is refused before anything boots, as far as its config is known. */
async function requireCrashSupport(kernel: Kernel, captureKernel: Kernel, scenarios: readonly Scenario[]) {
  if (scenarios.every((scenario) => scenario.crashKernel === 'absent')) return;
  for (const candidate of new Set([kernel, captureKernel])) {
    const config = await configOf(candidate);
    const missing = config === undefined ? [] : missingForCrash(config);
    if (missing.length > 0) {
      throw usageFault(
        `cannot use kernel "${candidate.spec}": its config lacks ${missing.join(', ')}; build it with them or choose another kernel`,
      );
    }
  }
}
