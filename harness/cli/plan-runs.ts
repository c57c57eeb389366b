import { randomBytes } from 'node:crypto';
import { buildImages } from '../guest/image/build-images.js';
import { configOf, guestProgramsFor, missingForCrash, modulesFor, resolveKernel } from '../kernel/index.js';
import { usageFault } from '../model/fault.js';
import type { RunPlan } from '../model/run-plan.js';
import type { Scenario } from '../model/scenario.js';
import type { ChosenProfile } from '../plan/choose-machine.js';
import { makePlan, type Resources } from '../plan/make-plan.js';
import { type AccelRequest, chooseAccelerator } from '../qemu/accel/choose-accelerator.js';
import { qemuVersion } from '../qemu/accel/qemu-version.js';
import { requireFitting } from './command-line-size.js';
import { qemuBinary, say } from './context.js';
import { rehearse, requireKnownNames } from './guest-machine.js';
import { fittingOnly, loadMachines } from './machines-to-run.js';
import { cacheDirectory } from './places.js';
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
  /** Machine profiles, by name or path; none: each scenario's own. */
  readonly machineProfile: readonly string[];
  readonly machine: string | undefined;
  readonly cpuModel: string | undefined;
  readonly accel: AccelRequest;
  readonly repeat: number;
  readonly timeoutScale: number;
}

/**
 * Resolves scenarios, machines, kernels, accelerator and images, and lays out every run: scenario x kernel x machine x
 * repeat. What is
 * quick to find out is found out first, so that a mistake does not wait for a download. Writes to the cache only.
 */
export async function planRuns(choices: RunChoices, campaign: string): Promise<RunPlan[]> {
  if (choices.scenario.length === 0) {
    throw usageFault('cannot run "nothing": no scenario is named; name at least one of crashpath list');
  }
  if (choices.kernel.length === 0) {
    throw usageFault(
      `cannot run "${choices.scenario.join(' ')}": no kernel is given; give --kernel, e.g. --kernel debian:6.1`,
    );
  }
  const cacheDir = cacheDirectory();
  const binary = qemuBinary();
  const scenarios = await Promise.all(choices.scenario.map(loadScenario));
  const machinesOf = await loadMachines(choices.machineProfile, scenarios);
  await qemuVersion(binary);
  await requireKnownNames(binary, choices);
  const pairs = await resolveKernels(choices, cacheDir);
  for (const pair of pairs) await requireCrashSupport(pair, scenarios);
  const { fit, leftOut } = fittingOnly(
    pairs.flatMap((pair) =>
      scenarios.flatMap((scenario) =>
        machinesOf(scenario).map((machine) => ({ scenario, machine, pair, kernel: pair.kernel })),
      ),
    ),
  );
  const accel = await chooseAccelerator(choices.accel, { qemuBinary: binary, cacheDir });
  const shared = {
    accel: { accel: accel.accel, reason: accel.reason },
    qemu: { binary, version: accel.qemuVersion },
  };
  const cells = fit.map(
    ({ scenario, machine, pair }): Cell => ({
      scenario,
      machine,
      resources: { ...pair, ...shared },
      choices,
      campaign,
    }),
  );
  // Everything but the image's path is known already; images take a second each.
  const drafts = cells.flatMap((cell) => plansOf(cell, { before: 0, initrd: '' }));
  for (const draft of drafts) requireFitting(draft);
  await rehearseOddMachines(drafts);
  for (const why of leftOut) say(`left out: ${why}`);
  say(`accelerator: ${accel.accel}. ${accel.reason}`);
  const plans: RunPlan[] = [];
  for (const cell of cells) {
    plans.push(...plansOf(cell, { before: plans.length, initrd: await imageFor(cell) }));
  }
  return plans;
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
    const pair = { kernel, captureKernel: capture ?? kernel };
    requireOneWidth(pair);
    pairs.push(pair);
  }
  return pairs;
}

/** One image serves both kernels, and kexec-tools loads a kernel of its own width. */
function requireOneWidth({ kernel, captureKernel }: KernelPair): void {
  const [bits, captureBits] = [kernel.bits ?? 64, captureKernel.bits ?? 64];
  if (bits === captureBits) return;
  throw usageFault(
    `cannot use capture kernel "${captureKernel.spec}": it is a ${captureBits}-bit kernel, and ${kernel.spec} a ${bits}-bit one; give a capture kernel of the same width`,
  );
}

/** What all trials of one scenario on one kernel share. */
interface Cell {
  readonly scenario: Scenario;
  readonly machine: ChosenProfile | undefined;
  readonly resources: Omit<Resources, 'initrd'>;
  readonly choices: RunChoices;
  readonly campaign: string;
}

/** The runs of a cell, numbered on from those `before` it. */
function plansOf(
  { scenario, machine, resources, choices, campaign }: Cell,
  { before, initrd }: { before: number; initrd: string },
): RunPlan[] {
  const label = resources.kernel.label.replace(/[^\w.+-]/g, '_').slice(0, 64);
  return Array.from({ length: choices.repeat }, (_, index) => {
    const number = String(before + index + 1).padStart(3, '0');
    const runId = [
      number,
      scenario.name,
      label,
      ...(machine === undefined ? [] : [machine.profile.name]),
    ].join('-');
    return makePlan(
      scenario,
      { ...resources, initrd },
      {
        identity: { campaign, runId, trial: index + 1, nonce: freshNonce() },
        choices: { ...choices, profile: machine, memoryMiB: choices.memory },
      },
    );
  });
}

async function imageFor({ scenario, resources: { kernel, captureKernel } }: Cell): Promise<string> {
  const options = { cacheDir: cacheDirectory(), onProgress: say };
  const names = scenario.guest.modules ?? [];
  const modules = names.length === 0 ? [] : await modulesFor(kernel, names);
  const images = await buildImages(
    { captureKernel, modules, captureModules: [], programsRoot: await guestProgramsFor(kernel, options) },
    options,
  );
  return images.production.path;
}

/** The default machine is known to work; any other one is tried, once for each shape of guest. */
async function rehearseOddMachines(plans: readonly RunPlan[]): Promise<void> {
  const odd = plans.filter(({ machine }) => machine.name !== undefined);
  const shapes = new Map(
    odd.map((plan) => {
      const { type, cpuModel, cpus, memoryMiB } = plan.machine;
      return [JSON.stringify([type, cpuModel, cpus, memoryMiB]), plan];
    }),
  );
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
