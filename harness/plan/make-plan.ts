import { usageFault } from '../model/fault.js';
import type { Distribution } from '../model/distribution.js';
import type { Kernel } from '../model/kernel.js';
import { STORE_SCHEMA } from '../model/record.js';
import { contradictionOf, needsOf } from '../trigger/triggers.js';
import type { RunPlan } from './run-plan.js';
import type { Scenario } from './scenario.js';
import { contradictionInSources } from './check-sources.js';
import { chooseMachine, type MachineChoices } from './choose-machine.js';
import {
  GUEST_DEFAULTS,
  type KeepVmcore,
  LOAD_SYSCALLS,
  VMCORE_READS,
  type VmcoreReading,
} from './guest-defaults.js';
import { keyOf, wordsOf } from './command-line.js';
import { crashkernelWords } from './crashkernel.js';
import { distributionLimits, requireDistributable, ROOT_WORDS } from './distribution-guest.js';
import { commandLines, type KernelChoices, requireChoices } from './guest-command-lines.js';
import { type GuestSpec, guestName, needsQtest } from './guest-spec.js';
import { mostMemoryMiB } from './hardware.js';
import { keptVmcore } from './kept-vmcore.js';
import { limitsFor } from './limits.js';

/** The caller's choices, which override the scenario's; undefined leaves the scenario or the default. */
export interface GuestChoices extends MachineChoices, KernelChoices {
  readonly timeoutScale?: number | undefined;
  readonly vmcore?: VmcoreReading | undefined;
  /** Both command lines as they are, of a stored run: they are not put together again. */
  readonly commandLines?: { readonly append: string; readonly captureAppend: string } | undefined;
  readonly keepVmcore?: KeepVmcore | undefined;
  readonly keepFailed?: number | undefined;
  readonly keepMinutes?: number | undefined;
}

/** What was resolved before planning: kernels, accelerator, QEMU. */
export interface Resources {
  readonly kernel: Kernel;
  readonly captureKernel: Kernel;
  /** What is started in their place; undefined: nothing is. */
  readonly repacked?: RunPlan['repacked'];
  /** What the guest boots; undefined: crashpath's own images. */
  readonly distribution?: Distribution | undefined;
  /** The name of the host that runs the guest; undefined for this one. */
  readonly host?: string | undefined;
  readonly accel: {
    readonly accel: 'kvm' | 'tcg';
    readonly reason: string;
    readonly unproved?: string | undefined;
  };
  readonly qemu: {
    readonly binary: string;
    readonly version: string;
    /** UEFI firmware of its host: the code, and the file from which a run's variables are copied. */
    readonly uefi?: { readonly code: string; readonly variables: string } | undefined;
    /** The arguments of the program that makes this guest. */
    readonly argumentsFor: (guest: GuestSpec) => string[];
  };
  /** Absolute path of the first kernel's image, which contains the capture kernel. */
  readonly initrd: string;
}

/** The identity of a run. The nonce must be fresh: the capture kernel has to find it. */
export interface RunIdentity {
  readonly campaign: string;
  readonly runId: string;
  readonly trial: number;
  readonly nonce: string;
}

/** Throws a usage fault for a choreography on a 32-bit kernel: registers and stacks are read as 64-bit ones. */
export function requireDirectable(scenario: Scenario, kernel: Kernel): void {
  if (kernel.bits !== 32 || !needsOf(scenario.trigger).includes('debugger')) return;
  throw usageFault(
    `cannot run scenario "${scenario.name}" on kernel "${kernel.spec}": vCPUs of a 32-bit kernel cannot be directed; choose a 64-bit kernel, or a scenario without a choreography`,
  );
}

/** Makes the plan of one run. Throws usage faults for choices that contradict each other. */
export function makePlan(
  scenario: Scenario,
  resources: Resources,
  { identity, choices }: { identity: RunIdentity; choices: GuestChoices },
): RunPlan {
  const { accel, unproved } = resources.accel;
  requireChoices(scenario, choices);
  const machine = chooseMachine(scenario, choices, accel);
  const { distribution } = resources;
  if (distribution !== undefined) requireDistributable(scenario, machine.type);
  requireDirectable(scenario, resources.kernel);
  const contradiction = contradictionOf(scenario.trigger, { ...scenario, cpus: machine.cpus });
  if (contradiction !== undefined) {
    throw usageFault(
      `cannot run scenario "${scenario.name}" with ${machine.cpus} vCPUs: ${contradiction.why}; give it more --cpus or correct ${contradiction.subject}`,
    );
  }
  const atOdds = contradictionInSources(scenario, machine.cpus);
  if (atOdds !== undefined) {
    throw usageFault(
      `cannot run scenario "${scenario.name}" with ${machine.cpus} vCPUs: ${atOdds}; give it more --cpus or correct it`,
    );
  }
  const uefi = machine.hardware?.firmware === 'uefi' ? resources.qemu.uefi : undefined;
  const loadSyscall = choices.loadSyscall ?? scenario.guest.loadSyscall ?? LOAD_SYSCALLS[0];
  const vmcore = choices.vmcore ?? scenario.vmcore ?? VMCORE_READS[0];
  const kept = keptVmcore(choices.keepVmcore, { scenario, machine, ...resources });
  const words =
    choices.commandLines ??
    commandLines(
      scenario,
      { ...choices, vmcore, dumpWords: kept?.words, rootWords: distribution && ROOT_WORDS },
      accel,
    );
  const { append, captureAppend } = words;
  // A KVM that is not shown to be faster than TCG has the deadlines of TCG.
  const limits = limitsFor(unproved === undefined ? accel : 'tcg', {
    scale: choices.timeoutScale ?? 1,
    watchMs: scenario.watchMs,
    readMiB: vmcore === 'nonce' ? 0 : mostMemoryMiB(machine),
    dumpMs: kept?.dumpMs,
  });
  return {
    schema: STORE_SCHEMA,
    ...identity,
    scenario,
    kernel: resources.kernel,
    captureKernel: resources.captureKernel,
    ...(resources.repacked === undefined ? {} : { repacked: resources.repacked }),
    ...(distribution === undefined ? {} : { distribution }),
    ...(resources.host === undefined ? {} : { host: resources.host }),
    accel: resources.accel,
    machine,
    append,
    captureAppend,
    loadSyscall,
    modules: scenario.guest.modules ?? [],
    limits: distribution === undefined ? limits : distributionLimits(limits),
    timeoutScale: choices.timeoutScale ?? 1,
    ...(kept === undefined ? {} : { keepVmcore: kept.plan }),
    ...(choices.keepFailed === undefined ? {} : { keepFailed: keptGuests(choices, resources.host) }),
    qemu: {
      binary: resources.qemu.binary,
      version: resources.qemu.version,
      ...(uefi === undefined ? {} : { uefiVariables: uefi.variables }),
      args: resources.qemu.argumentsFor({
        name: guestName(identity.runId),
        accel,
        machine: machine.type,
        cpuModel: machine.cpuModel,
        cpus: machine.cpus,
        memoryMiB: machine.memoryMiB,
        bzImage: (resources.repacked?.first ?? resources.kernel).bzImage,
        initrd: resources.initrd,
        append,
        nic: scenario.guest.nic,
        disk: scenario.guest.disk,
        hardware: machine.hardware,
        uefiCode: uefi?.code,
        qtest: needsQtest(scenario, accel),
        vmcoreDisk: kept?.plan.diskMiB !== undefined,
        systemDisk: distribution !== undefined,
      }),
    },
  };
}

/** How many guests of failed runs stay up, and for how long. Throws a usage fault for a guest on another host. */
function keptGuests(
  { keepFailed = 1, keepMinutes = GUEST_DEFAULTS.keepMinutes }: GuestChoices,
  host: string | undefined,
): NonNullable<RunPlan['keepFailed']> {
  if (host === undefined) return { most: keepFailed, minutes: keepMinutes };
  throw usageFault(
    `cannot leave guests up on host "${host}": its supervisor ends them with the connection; leave out --keep-failed, or run on this host`,
  );
}

/** A kernel's label or release as a part of a run's name, which is that of a directory. */
export function labelInName(label: string): string {
  return label.replace(/[^\w.+-]/g, '_').slice(0, 64);
}

/** The same plan for another run: a new name, also in QEMU's command line, and a fresh nonce. */
export function renamedPlan(plan: RunPlan, { runId, nonce }: Pick<RunIdentity, 'runId' | 'nonce'>): RunPlan {
  const oldName = guestName(plan.runId);
  const args = plan.qemu.args.map((word) => (word === oldName ? guestName(runId) : word));
  return { ...plan, runId, nonce, qemu: { ...plan.qemu, args } };
}

/** The same guest with a plain `crashkernel=` of so many MiB, whatever the command line reserves otherwise. */
export function reservingPlan(plan: RunPlan, mib: number): RunPlan {
  const others = wordsOf(plan.append).filter((word) => keyOf(word) !== 'crashkernel');
  const append = [...others, ...crashkernelWords(`${mib}M`)].join(' ');
  const args = plan.qemu.args.map((word) => (word === plan.append ? append : word));
  return { ...plan, append, qemu: { ...plan.qemu, args } };
}
