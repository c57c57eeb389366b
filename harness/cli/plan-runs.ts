import { randomBytes } from 'node:crypto';
import { configOf, missingForCrash, resolveKernel } from '../kernel/index.js';
import type { Cell } from '../model/cell.js';
import { usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Scenario } from '../plan/scenario.js';
import type { ChosenProfile } from '../plan/choose-machine.js';
import { makePlan, requireDirectable, type Resources } from '../plan/make-plan.js';
import { type AccelRequest, chooseAccelerator } from '../machine/qemu/accel/choose-accelerator.js';
import { qemuArguments } from '../machine/qemu/arguments.js';
import { qemuVersion } from '../machine/qemu/accel/qemu-version.js';
import { requireFitting } from './command-line-size.js';
import { qemuBinary, say } from './context.js';
import { imageFor } from './guest-images.js';
import { rehearse, requireKnownNames } from './guest-machine.js';
import { fittingOnly, loadMachines } from './machines-to-run.js';
import { cacheDirectory } from './places.js';
import { loadScenarios } from './scenario-files.js';

/** What is the same for all guests of a campaign. */
export interface GuestsChoices {
  readonly crashkernel: string | undefined;
  readonly cpus: number | undefined;
  readonly memory: number | undefined;
  /** Machine profiles, by name or path; none: each scenario's own. */
  readonly machineProfile: readonly string[];
  readonly machine: string | undefined;
  readonly cpuModel: string | undefined;
  readonly accel: AccelRequest;
  readonly timeoutScale: number;
}

/** What the command line says about which runs there are. */
export interface RunChoices extends GuestsChoices {
  /** Names or files, or scenarios that were made. */
  readonly scenario: readonly (string | Scenario)[];
  readonly kernel: readonly string[];
  readonly captureKernel: string | undefined;
  readonly append: string | undefined;
  readonly captureAppend: string | undefined;
  readonly repeat: number;
}

/** What all trials of one scenario on one kernel share. */
export interface PlannedCell {
  readonly scenario: Scenario;
  readonly spec: string;
  /** Absent: the kernel is its own capture kernel. */
  readonly captureSpec: string | undefined;
  readonly append: string | undefined;
  readonly captureAppend: string | undefined;
  /** Of a campaign file. */
  readonly cell?: Cell | undefined;
}

/** One run to be planned, on each of its machines. */
export interface WantedRun {
  readonly cell: PlannedCell;
  readonly trial: number;
}

/** A run on one machine; `undefined` is the default one. */
interface MachineRun extends WantedRun {
  readonly machine: ChosenProfile | undefined;
}

/** Plans scenario x kernel x machine x repeat, as the command line names them. Writes to the cache only. */
export async function planRuns(choices: RunChoices, campaign: string): Promise<RunPlan[]> {
  if (choices.scenario.length === 0) {
    throw usageFault('cannot run "nothing": no scenario is named; name at least one of crashpath list');
  }
  if (choices.kernel.length === 0) {
    throw usageFault(
      `cannot run "${choices.scenario.map(nameOf).join(' ')}": no kernel is given; give --kernel, e.g. --kernel debian:6.1`,
    );
  }
  const { captureKernel: captureSpec, append, captureAppend } = choices;
  const loaded = choices.scenario.map(async (given) =>
    typeof given === 'string' ? loadScenarios(given) : [given],
  );
  const scenarios = (await Promise.all(loaded)).flat();
  const trials = Array.from({ length: choices.repeat }, (_, index) => index + 1);
  const runs = choices.kernel.flatMap((spec) =>
    scenarios.flatMap((scenario) => {
      const cell: PlannedCell = { scenario, spec, captureSpec, append, captureAppend };
      return trials.map((trial): WantedRun => ({ cell, trial }));
    }),
  );
  return layOut(runs, { choices, campaign });
}

/**
 * Resolves machines, kernels, accelerator and images, and lays every run out, in their order. What is quick to find out is found
 * out first, so that a mistake does not wait for a download. Writes to the cache only.
 */
export async function layOut(
  runs: readonly WantedRun[],
  { choices, campaign }: { choices: GuestsChoices; campaign: string },
): Promise<RunPlan[]> {
  const cacheDir = cacheDirectory();
  const binary = qemuBinary();
  await qemuVersion(binary);
  await requireKnownNames(binary, choices);
  const cells = [...new Set(runs.map(({ cell }) => cell))];
  const machinesOf = await loadMachines(
    choices.machineProfile,
    cells.map(({ scenario }) => scenario),
  );
  const kernelOf = await resolveAll(cells, cacheDir);
  for (const cell of cells) {
    requireOneWidth(pairOf(cell, kernelOf));
    requireDirectable(cell.scenario, kernelOf(cell.spec));
  }
  await requireCrashSupport(cells, kernelOf);
  const accel = await chooseAccelerator(choices.accel, { qemuBinary: binary, cacheDir });
  const shared = {
    accel: { accel: accel.accel, reason: accel.reason },
    qemu: { binary, version: accel.qemuVersion, argumentsFor: qemuArguments },
  };
  const { fit, leftOut } = fittingOnly(
    runs.flatMap((run) =>
      machinesOf(run.cell.scenario).map((machine) => ({
        ...{ ...run, machine },
        ...{ scenario: run.cell.scenario, kernel: kernelOf(run.cell.spec) },
      })),
    ),
  );
  const planOf = (
    { cell, trial, machine }: MachineRun,
    { number, initrd }: { number: number; initrd: string },
  ) =>
    planRun(cell, {
      machine,
      resources: { ...pairOf(cell, kernelOf), ...shared, initrd },
      choices,
      identity: { campaign, runId: runIdOf(cell, { number, kernelOf, machine }), trial, nonce: freshNonce() },
    });
  // Everything but the image's path is known already; images take a second each.
  const drafts = fit.map((run, index) => planOf(run, { number: index + 1, initrd: '' }));
  for (const draft of drafts) requireFitting(draft);
  await rehearseOddMachines(drafts);
  for (const why of leftOut) say(`left out: ${why}`);
  say(`accelerator: ${accel.accel}. ${accel.reason}`);
  const images = new Map<PlannedCell, string>();
  for (const cell of cells) images.set(cell, await imageFor(cell.scenario, pairOf(cell, kernelOf)));
  return fit.map((run, index) => planOf(run, { number: index + 1, initrd: images.get(run.cell) ?? '' }));
}

function nameOf(given: string | Scenario): string {
  return typeof given === 'string' ? given : given.name;
}

/** A nonce no run ever had: 128 random bits, short enough for a host name. */
export function freshNonce(): string {
  return `cp-${randomBytes(16).toString('hex')}`;
}

type KernelPair = Pick<Resources, 'kernel' | 'captureKernel'>;
type KernelOf = (spec: string) => Kernel;

/** Resolves each spec once, the kernels before the capture kernels. */
async function resolveAll(cells: readonly PlannedCell[], cacheDir: string): Promise<KernelOf> {
  const captures = cells.flatMap(({ captureSpec }) => (captureSpec === undefined ? [] : [captureSpec]));
  const kernels = new Map<string, Kernel>();
  for (const spec of new Set([...captures, ...cells.map((cell) => cell.spec)])) {
    kernels.set(spec, await resolveKernel(spec, { cacheDir, onProgress: say }));
  }
  return (spec) => {
    const kernel = kernels.get(spec);
    if (kernel === undefined) throw new Error(`kernel ${spec} was not resolved`);
    return kernel;
  };
}

function pairOf({ spec, captureSpec }: PlannedCell, kernelOf: KernelOf): KernelPair {
  return { kernel: kernelOf(spec), captureKernel: kernelOf(captureSpec ?? spec) };
}

/** One image serves both kernels, and kexec-tools loads a kernel of its own width. */
function requireOneWidth({ kernel, captureKernel }: KernelPair): void {
  const [bits, captureBits] = [kernel.bits ?? 64, captureKernel.bits ?? 64];
  if (bits === captureBits) return;
  throw usageFault(
    `cannot use capture kernel "${captureKernel.spec}": it is a ${captureBits}-bit kernel, and ${kernel.spec} a ${bits}-bit one; give a capture kernel of the same width`,
  );
}

/** Numbers sort as the runs begin; variants of one source share a release, so a campaign file's name goes first. */
function runIdOf(
  { scenario, spec, cell }: PlannedCell,
  { number, kernelOf, machine }: { number: number; kernelOf: KernelOf; machine: ChosenProfile | undefined },
): string {
  const label = (cell?.kernel ?? kernelOf(spec).label).replace(/[^\w.+-]/g, '_').slice(0, 64);
  const words = [String(number).padStart(3, '0'), scenario.name, label];
  return [...words, ...(machine === undefined ? [] : [machine.profile.name])].join('-');
}

function planRun(
  { scenario, append, captureAppend, cell }: PlannedCell,
  {
    machine,
    resources,
    choices,
    identity,
  }: {
    machine: ChosenProfile | undefined;
    resources: Resources;
    choices: GuestsChoices;
    identity: Parameters<typeof makePlan>[2]['identity'];
  },
): RunPlan {
  const guest = { ...choices, profile: machine, append, captureAppend, memoryMiB: choices.memory };
  const plan = makePlan(scenario, resources, { identity, choices: guest });
  if (cell === undefined) return plan;
  return { ...plan, cell: machine === undefined ? cell : { ...cell, machine: machine.profile.name } };
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
async function requireCrashSupport(cells: readonly PlannedCell[], kernelOf: KernelOf): Promise<void> {
  const armed = cells.filter(({ scenario }) => scenario.crashKernel !== 'absent');
  const kernels = armed.flatMap((cell) => Object.values(pairOf(cell, kernelOf)));
  for (const candidate of new Set(kernels)) {
    const config = await configOf(candidate);
    const missing = config === undefined ? [] : missingForCrash(config);
    if (missing.length > 0) {
      throw usageFault(
        `cannot use kernel "${candidate.spec}": its config lacks ${missing.join(', ')}; build it with them or choose another kernel`,
      );
    }
  }
}
