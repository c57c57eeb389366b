import { type AccelRequest, chooseAccelerator } from '../machine/qemu/accel/choose-accelerator.js';
import { qemuVersion } from '../machine/qemu/accel/qemu-version.js';
import { qemuArguments } from '../machine/qemu/arguments.js';
import { findUefiFirmware } from '../machine/qemu/firmware.js';
import { Fault, harnessFault } from '../model/fault.js';
import { writesVmcore } from '../plan/kept-vmcore.js';
import { labelInName, makePlan } from '../plan/make-plan.js';
import { repackOf } from '../plan/repack.js';
import type { RunPlan } from '../plan/run-plan.js';
import { storedGuest } from '../plan/stored-guest.js';
import { rehearseMachines, requireKnownNames } from './check-machines.js';
import { requireHardware } from '../plan/require-hardware.js';
import { requireFitting } from './command-line-size.js';
import { imageFor } from './guest-images.js';
import { type KernelPair, repackedPair } from './kernels.js';
import type { PrepareOptions } from './options.js';
import { freshNonce } from './plan-runs.js';

/** A stored run whose guest is to run again on this host. */
export interface StoredGuest {
  /** Its scenario, machine and command lines are used, and nothing that names its host. */
  readonly plan: RunPlan;
  readonly kernels: KernelPair;
  /** The first kernel's image, where it is at hand; it is built otherwise. */
  readonly initrd?: string | undefined;
}

/** Choices of {@link planAgain}. */
export interface AgainChoices {
  readonly campaign: string;
  readonly tries: number;
  /** The stored run's accelerator when absent; TCG where that was KVM and it does not work here. */
  readonly accel?: AccelRequest | undefined;
  /** Factor on every deadline; 1 when absent. */
  readonly timeoutScale?: number | undefined;
}

/** The plans of the tries, each with its own nonce, and the image that they boot. */
export interface PlannedAgain {
  readonly plans: RunPlan[];
  readonly initrd: string;
}

/**
 * Which runs repeat a stored run on this host? The same scenario on the same kernels, machine and command lines, and each
 * time the same trial number, by which a choreography chooses vCPUs; QEMU, accelerator and deadlines are this host's.
 * Throws a harness fault for a machine that this host's QEMU does not have, and the faults of accelerators and images.
 */
export async function planAgain(
  { plan, kernels, initrd: given }: StoredGuest,
  choices: AgainChoices,
  options: PrepareOptions,
): Promise<PlannedAgain> {
  const { qemuBinary, cacheDir, onProgress } = options;
  const { text: version } = await qemuVersion(qemuBinary);
  const { timeoutScale: scale = 1 } = choices;
  const { accel, reason, unproved } = await chooseAccelerator(
    choices.accel ?? (plan.accel.accel === 'tcg' ? 'tcg' : 'auto'),
    {
      ...{ qemuBinary, version, cacheDir, scale },
      onProbe: (limitMs) => onProgress?.(`proving KVM, which takes up to ${Math.round(limitMs / 1000)} s`),
    },
  );
  const guest = { ...storedGuest(plan, accel), timeoutScale: scale };
  const repacked = await repackedPair(kernels, { cacheDir, onProgress, repack: repackOf(plan) });
  const uefi = plan.machine.hardware?.firmware === 'uefi' ? await findUefiFirmware() : undefined;
  const make = (initrd: string, index: number) =>
    makePlan(
      plan.scenario,
      {
        ...{ ...kernels, repacked },
        accel: { accel, reason, ...(unproved === undefined ? {} : { unproved }) },
        qemu: { binary: qemuBinary, version, uefi, argumentsFor: qemuArguments },
        initrd,
      },
      {
        identity: {
          campaign: choices.campaign,
          runId: tryName(plan, index + 1),
          trial: plan.trial,
          nonce: freshNonce(),
        },
        choices: guest,
      },
    );
  const draft = make('', 0);
  requireHardware(draft);
  requireFitting(draft);
  await requireMachine(draft, options);
  const initrd =
    given ??
    (await imageFor(plan.scenario, kernels, {
      ...options,
      keepsVmcore: writesVmcore(plan),
      repacked: repacked?.capture,
    }));
  onProgress?.(`accelerator: ${accel}. ${reason}`);
  return { plans: Array.from({ length: choices.tries }, (_, index) => make(initrd, index)), initrd };
}

/** Sorts in the order of the tries. */
function tryName({ scenario, kernel }: RunPlan, number: number): string {
  const label = labelInName(kernel.release);
  return `${String(number).padStart(3, '0')}-${scenario.name}-${label}`;
}

/** The caller cannot change the machine: one that is missing is a defect of this host. */
async function requireMachine(draft: RunPlan, { qemuBinary }: PrepareOptions): Promise<void> {
  const { type, cpuModel } = draft.machine;
  try {
    await requireKnownNames({ qemuBinary }, { machine: type, cpuModel });
    await rehearseMachines([draft], { qemuBinary });
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== 'usage') throw error;
    throw harnessFault(
      `cannot make the guest's machine on this host "${type}, ${cpuModel}": ${error.message}; install another QEMU and name it in CRASHPATH_QEMU`,
      error,
    );
  }
}
