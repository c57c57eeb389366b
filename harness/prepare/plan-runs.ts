import { randomBytes } from 'node:crypto';
import {
  type AccelChoice,
  type AccelRequest,
  chooseAccelerator,
} from '../machine/qemu/accel/choose-accelerator.js';
import { qemuArguments } from '../machine/qemu/arguments.js';
import { findUefiFirmware } from '../machine/qemu/firmware.js';
import { qemuVersion } from '../machine/qemu/accel/qemu-version.js';
import type { Distribution } from '../model/distribution.js';
import { escapeHostText } from '../model/escape.js';
import { Fault, usageFault } from '../model/fault.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { KeepVmcore, LoadSyscall, Repack, VmcoreReading } from '../plan/guest-defaults.js';
import { repackFor } from '../plan/repack.js';
import type { Scenario } from '../plan/scenario.js';
import type { ChosenProfile } from '../plan/choose-machine.js';
import { type KernelChoices, requireChoices } from '../plan/guest-command-lines.js';
import { labelInName, makePlan, type Resources } from '../plan/make-plan.js';
import { requireHardware } from '../plan/require-hardware.js';
import { rehearseMachines, requireKnownNames } from './check-machines.js';
import { requireFitting } from './command-line-size.js';
import { type Combination, fittingOnly } from './fitting.js';
import { imageFor } from './guest-images.js';
import { type KernelPair, type KernelsOf, repackedPair, resolveKernels } from './kernels.js';
import { loadMachines, type MachinesOf } from './machine-files.js';
import type { PlannedHost, PrepareOptions } from './options.js';
import { type NamedRuns, type PlannedCell, type Trial, trialsOf } from './trials.js';

/** Choices for all guests of a campaign; an absent one is the scenario's, the profile's or the default. */
export interface GuestsChoices {
  readonly crashkernel?: string | undefined;
  /** The capture kernels' whole command line. */
  readonly captureCmdline?: string | undefined;
  /** How crash kernels are loaded; the scenario's choice when absent. */
  readonly loadSyscall?: LoadSyscall | undefined;
  readonly cpus?: number | undefined;
  /** MiB. */
  readonly memory?: number | undefined;
  /** Machine profiles, by name or path; none: each scenario's own. */
  readonly machineProfile?: readonly string[] | undefined;
  /** QEMU machine type with properties. */
  readonly machine?: string | undefined;
  /** QEMU CPU model with properties. */
  readonly cpuModel?: string | undefined;
  /** `auto` when absent. */
  readonly accel?: AccelRequest | undefined;
  /** Which kernels are repacked, where the scenario allows it; none when absent. */
  readonly repack?: Repack | undefined;
  /** How much of /proc/vmcore the capture kernels read; the scenario's choice when absent. */
  readonly vmcore?: VmcoreReading | undefined;
  /** What the guests boot, with its own kernel; crashpath's own images when absent. */
  readonly distribution?: Distribution | undefined;
  /** Of which runs a dump is kept; of none when absent. */
  readonly keepVmcore?: KeepVmcore | undefined;
  /** How many guests of failed runs stay up; none when absent. */
  readonly keepFailed?: number | undefined;
  /** For how long, minutes. */
  readonly keepMinutes?: number | undefined;
  /** Factor on every deadline; 1 when absent. */
  readonly timeoutScale?: number | undefined;
}

/** Options of preparing runs, and the campaign to which they belong. */
export interface PlanOptions extends PrepareOptions {
  readonly campaign: string;
}

/** Which runs do names mean? {@link planTrials} for every named scenario on every named kernel. */
export async function planRuns(choices: NamedRuns & GuestsChoices, options: PlanOptions): Promise<RunPlan[]> {
  return planTrials(await trialsOf(choices, options), choices, options);
}

/** As {@link planTrialsOnHosts}, for the first of the hosts. */
export async function planTrials(
  trials: readonly Trial[],
  choices: GuestsChoices,
  options: PlanOptions,
): Promise<RunPlan[]> {
  const [plans = []] = await planTrialsOnHosts(trials, choices, options);
  return plans;
}

/**
 * Resolves machines, kernels, accelerators and images, and plans every trial on each of its machines, in order, once for
 * each host: the plans of a run on different hosts have its name and its nonce. Fast checks come first, so that a mistake
 * is reported before a download. Writes to the cache only. Throws usage faults for mistakes of the caller, harness faults
 * for defects of a host.
 */
export async function planTrialsOnHosts(
  trials: readonly Trial[],
  choices: GuestsChoices,
  options: PlanOptions,
): Promise<RunPlan[][]> {
  const { campaign, onProgress } = options;
  const hosts = options.hosts ?? [{ qemuBinary: options.qemuBinary }];
  const versions = new Map<PlannedHost, string>();
  for (const host of hosts) {
    versions.set(host, (await qemuVersion(host.qemuBinary, { host: host.there })).text);
    await requireKnownNames(host, choices);
  }
  const cells = [...new Set(trials.map(({ cell }) => cell))];
  const scenarios = cells.map(({ scenario }) => scenario);
  requireCapturing(cells, choices);
  for (const cell of cells) requireChoices(cell.scenario, kernelChoices(cell, choices));
  const machinesOf = await loadMachines({ named: choices.machineProfile ?? [], scenarios }, options);
  const kernelsOf = await resolveKernels(cells, options);
  const accelerators = new Map<PlannedHost, AccelChoice>();
  for (const host of hosts) {
    accelerators.set(host, await acceleratorOf(host, { ...choices, version: versions.get(host) }, options));
  }
  const { fit, leftOut } = fittingOnly(onTheirMachines(trials, { machinesOf, kernelsOf }));

  const isUefi = fit.some(({ machine }) => machine?.profile.firmware === 'uefi');
  const uefi = isUefi ? await findUefiFirmware() : undefined;

  const repacks = new Map<PlannedCell, RunPlan['repacked']>();
  for (const cell of cells) {
    const repack = repackFor(cell.scenario, choices.repack);
    repacks.set(cell, await repackedPair(kernelsOf(cell), { ...options, repack }));
  }
  const identities = fit.map((run, index) => ({
    campaign,
    runId: runIdOf(run, index + 1),
    trial: run.trial,
    nonce: freshNonce(),
  }));
  const planAll = (host: PlannedHost, initrdOf: (cell: PlannedCell) => string) => {
    const { accel, reason, unproved, qemuVersion: version } = accelerators.get(host) ?? unchosen();
    const there = {
      host: host.there?.name,
      accel: { accel, reason, ...(unproved === undefined ? {} : { unproved }) },
      qemu: { binary: host.qemuBinary, version, uefi, argumentsFor: qemuArguments },
    };
    return fit.map((run, index) =>
      planOne(run, choices, {
        resources: {
          ...run.kernels,
          repacked: repacks.get(run.cell),
          distribution: choices.distribution,
          ...there,
          initrd: initrdOf(run.cell),
        },
        identity: identities[index] ?? unchosen(),
      }),
    );
  };
  // Checked before the images are built, which takes a second each: only the image's path is missing.
  for (const host of hosts) {
    const drafts = planAll(host, () => '');
    for (const draft of drafts) {
      requireHardware(draft);
      requireFitting(draft);
    }
    await rehearseMachines(drafts, host);
  }

  for (const why of notRepacked(scenarios, choices.repack)) onProgress?.(why);
  for (const why of leftOut) onProgress?.(`left out: ${why}`);
  for (const [{ there }, { accel, reason }] of accelerators) {
    onProgress?.(`${there === undefined ? '' : `${there.name}: `}accelerator: ${accel}. ${reason}`);
  }
  const { distribution } = choices;
  if (distribution !== undefined) return hosts.map((host) => planAll(host, () => distribution.initrd));
  const images = new Map<PlannedCell, string>();
  for (const cell of cells) {
    const keepsVmcore = choices.keepVmcore !== undefined && cell.scenario.crashKernel === 'loaded';
    images.set(
      cell,
      await imageFor(cell.scenario, kernelsOf(cell), {
        ...options,
        keepsVmcore,
        repacked: repacks.get(cell)?.capture,
      }),
    );
  }
  return hosts.map((host) => planAll(host, (cell) => images.get(cell) ?? ''));
}

/**
 * Throws a usage fault for a choice about capture kernels where no scenario loads one. `--vmcore` is for all rows of a
 * campaign file, of which those may have been selected that load none.
 */
function requireCapturing(
  cells: readonly PlannedCell[],
  { repack, vmcore, captureCmdline, loadSyscall }: GuestsChoices,
): void {
  if (cells.some(({ scenario }) => scenario.crashKernel === 'loaded')) return;
  const isNamed = cells.some(({ cell }) => cell === undefined);
  const given = [
    repack === 'capture' ? `--repack "${repack}"` : undefined,
    vmcore !== undefined && isNamed ? `--vmcore "${vmcore}"` : undefined,
    captureCmdline === undefined ? undefined : `--capture-cmdline "${escapeHostText(captureCmdline)}"`,
    loadSyscall === undefined ? undefined : `--load-syscall "${loadSyscall}"`,
  ];
  const option = given.find((one) => one !== undefined);
  if (option === undefined) return;
  const names = cells.map(({ scenario }) => scenario.name).join(', ');
  throw usageFault(`cannot use ${option}: ${names} loads no crash kernel; leave it out`);
}

/** The scenarios whose kernels stay as they are although the caller asked for others, each with the reason. */
function notRepacked(scenarios: readonly Scenario[], repack: Repack | undefined): string[] {
  if (repack === undefined) return [];
  const names = new Set(scenarios.filter((one) => one.repack === 'never').map(({ name }) => name));
  return [...names].map((name) => `${name}: kernels are not repacked, because it is about how they start`);
}

function unchosen(): never {
  throw new Error('a host has no accelerator');
}

/** Which accelerator runs the guests of a host? A proof of another host is cached in a folder of its own. */
async function acceleratorOf(
  { there: host, qemuBinary }: PlannedHost,
  { accel = 'auto', timeoutScale: scale, version }: GuestsChoices & { readonly version: string | undefined },
  { cacheDir, onProgress }: PlanOptions,
): Promise<AccelChoice> {
  const where = host === undefined ? '' : `${host.name}: `;
  const onProbe = (limitMs: number) =>
    onProgress?.(`${where}proving KVM, which takes up to ${Math.round(limitMs / 1000)} s`);
  try {
    return await chooseAccelerator(accel, { qemuBinary, version, cacheDir, host, scale, onProbe });
  } catch (error) {
    if (host === undefined || !(error instanceof Fault) || error.message.includes(host.name)) throw error;
    throw new Fault(error.kind, `host ${host.name}: ${error.message}`, { cause: error });
  }
}

/** A nonce that no other run has: 128 random bits, short enough for a host name. */
export function freshNonce(): string {
  return `cp-${randomBytes(16).toString('hex')}`;
}

/** A trial on one machine. */
interface MachineRun extends Trial, Combination {
  readonly kernels: KernelPair;
}

function onTheirMachines(
  trials: readonly Trial[],
  { machinesOf, kernelsOf }: { machinesOf: MachinesOf; kernelsOf: KernelsOf },
): MachineRun[] {
  return trials.flatMap((trial) => {
    const { scenario } = trial.cell;
    const kernels = kernelsOf(trial.cell);
    return machinesOf(scenario).map((machine) => ({
      ...trial,
      ...{ scenario, kernel: kernels.kernel, machine, kernels },
    }));
  });
}

/**
 * Sorts in the order of the runs. A campaign file's name for a kernel is preferred to its release: variants of one
 * source share a release.
 */
function runIdOf({ cell, kernel, machine }: MachineRun, number: number): string {
  const label = labelInName(cell.cell?.kernel ?? kernel.label);
  const words = [String(number).padStart(3, '0'), cell.scenario.name, label];
  return [...words, ...(machine === undefined ? [] : [machine.profile.name])].join('-');
}

function planOne(
  { cell, machine }: MachineRun,
  choices: GuestsChoices,
  { resources, identity }: { resources: Resources; identity: Parameters<typeof makePlan>[2]['identity'] },
): RunPlan {
  const { scenario } = cell;
  const guest = { ...choices, ...kernelChoices(cell, choices), profile: machine, memoryMiB: choices.memory };
  const plan = makePlan(scenario, resources, { identity, choices: guest });
  return cell.cell === undefined ? plan : { ...plan, cell: inCell(cell.cell, machine) };
}

/** What a cell says of its kernels' command lines, and what all of them share. */
function kernelChoices(
  { append, captureAppend, captureCmdline, loadSyscall }: PlannedCell,
  choices: GuestsChoices,
): KernelChoices {
  return {
    ...{ crashkernel: choices.crashkernel, append, captureAppend },
    captureCmdline: captureCmdline ?? choices.captureCmdline,
    loadSyscall: loadSyscall ?? choices.loadSyscall,
  };
}

function inCell(cell: NonNullable<PlannedCell['cell']>, machine: ChosenProfile | undefined) {
  return machine === undefined ? cell : { ...cell, machine: machine.profile.name };
}
