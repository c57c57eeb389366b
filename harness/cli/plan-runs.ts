import { randomBytes } from 'node:crypto';
import { buildImages } from '../guest/image/build-images.js';
import { configOf, missingForCrash, modulesFor, resolveKernel } from '../kernel/index.js';
import { usageFault } from '../model/fault.js';
import type { RunPlan } from '../model/run-plan.js';
import type { Scenario } from '../model/scenario.js';
import { makePlan, type Resources } from '../plan/make-plan.js';
import { type AccelRequest, chooseAccelerator } from '../qemu/accel/choose-accelerator.js';
import { qemuVersion } from '../qemu/accel/qemu-version.js';
import { requireFitting } from './command-line-size.js';
import { qemuBinary, say } from './context.js';
import { rehearse, requireKnownNames } from './guest-machine.js';
import { cacheDirectory } from './places.js';
import { loadScenario } from './scenario-files.js';

/** What the command line says about which runs there are. */
export interface RunChoices {
  /** Names or files, or scenarios that were made. */
  readonly scenario: readonly (string | Scenario)[];
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

/**
 * Resolves scenarios, kernels, accelerator and images, and lays out every run: scenario x kernel x repeat. What is
 * quick to find out is found out first, so that a mistake does not wait for a download. Writes to the cache only.
 */
export async function planRuns(choices: RunChoices, campaign: string): Promise<RunPlan[]> {
  if (choices.scenario.length === 0) {
    throw usageFault('cannot run "nothing": no scenario is named; name at least one of crashpath list');
  }
  if (choices.kernel.length === 0) {
    throw usageFault(
      `cannot run "${choices.scenario.map(nameOf).join(' ')}": no kernel is given; give --kernel, e.g. --kernel debian:6.1`,
    );
  }
  const cacheDir = cacheDirectory();
  const binary = qemuBinary();
  const scenarios = await Promise.all(
    choices.scenario.map((given) =>
      typeof given === 'string' ? loadScenario(given) : Promise.resolve(given),
    ),
  );
  await qemuVersion(binary);
  await requireKnownNames(binary, choices);
  const pairs = await resolveKernels(choices, cacheDir);
  for (const pair of pairs) await requireCrashSupport(pair, scenarios);
  const accel = await chooseAccelerator(choices.accel, { qemuBinary: binary, cacheDir });
  const shared = {
    accel: { accel: accel.accel, reason: accel.reason },
    qemu: { binary, version: accel.qemuVersion },
  };
  const cells = pairs.flatMap((pair) =>
    scenarios.map((scenario): Cell => ({ scenario, resources: { ...pair, ...shared }, choices, campaign })),
  );
  // Everything but the image's path is known already; images take a second each.
  const drafts = cells.flatMap((cell) => plansOf(cell, { before: 0, initrd: '' }));
  for (const draft of drafts) requireFitting(draft);
  await rehearseOddMachines(choices, drafts);
  say(`accelerator: ${accel.accel}. ${accel.reason}`);
  const plans: RunPlan[] = [];
  for (const cell of cells) {
    plans.push(...plansOf(cell, { before: plans.length, initrd: await imageFor(cell) }));
  }
  return plans;
}

function nameOf(given: string | Scenario): string {
  return typeof given === 'string' ? given : given.name;
}

/** A nonce no run ever had: 128 random bits, short enough for a host name. */
export function freshNonce(): string {
  return `cp-${randomBytes(16).toString('hex')}`;
}

type KernelPair = Pick<Resources, 'kernel' | 'captureKernel'>;

async function resolveKernels(choices: RunChoices, cacheDir: string): Promise<KernelPair[]> {
  const options = { cacheDir, onProgress: say };
  const capture =
    choices.captureKernel === undefined ? undefined : await resolveKernel(choices.captureKernel, options);
  const pairs: KernelPair[] = [];
  for (const spec of choices.kernel) {
    const kernel = await resolveKernel(spec, options);
    pairs.push({ kernel, captureKernel: capture ?? kernel });
  }
  return pairs;
}

/** What all trials of one scenario on one kernel share. */
interface Cell {
  readonly scenario: Scenario;
  readonly resources: Omit<Resources, 'initrd'>;
  readonly choices: RunChoices;
  readonly campaign: string;
}

/** The runs of a cell, numbered on from those `before` it. */
function plansOf(
  { scenario, resources, choices, campaign }: Cell,
  { before, initrd }: { before: number; initrd: string },
): RunPlan[] {
  const label = resources.kernel.label.replace(/[^\w.+-]/g, '_').slice(0, 64);
  return Array.from({ length: choices.repeat }, (_, index) => {
    const runId = `${String(before + index + 1).padStart(3, '0')}-${scenario.name}-${label}`;
    return makePlan(
      scenario,
      { ...resources, initrd },
      {
        identity: { campaign, runId, trial: index + 1, nonce: freshNonce() },
        choices: { ...choices, memoryMiB: choices.memory },
      },
    );
  });
}

async function imageFor({ scenario, resources: { kernel, captureKernel } }: Cell): Promise<string> {
  const names = scenario.guest.modules ?? [];
  const modules = names.length === 0 ? [] : await modulesFor(kernel, names);
  const images = await buildImages(
    { captureKernel, modules, captureModules: [] },
    { cacheDir: cacheDirectory(), onProgress: say },
  );
  return images.production.path;
}

/** The default machine is known to work; one that the caller chose is tried, once for each shape of guest. */
async function rehearseOddMachines(choices: RunChoices, plans: readonly RunPlan[]): Promise<void> {
  if (choices.machine === undefined && choices.cpuModel === undefined) return;
  const shapes = new Map(plans.map((plan) => [JSON.stringify(plan.machine), plan]));
  for (const { machine, accel, qemu } of shapes.values()) {
    await rehearse(qemu.binary, { accel: accel.accel, ...machine });
  }
}

/** A kernel that cannot do its part is refused before anything boots, as far as its config is known. */
async function requireCrashSupport(
  { kernel, captureKernel }: KernelPair,
  scenarios: readonly Scenario[],
): Promise<void> {
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
