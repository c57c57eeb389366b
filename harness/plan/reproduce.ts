import { shellQuote } from '../model/shell-words.js';
import { keyOf, wordsOf } from './command-line.js';
import { GUEST_DEFAULTS, LOAD_SYSCALLS, VMCORE_READS } from './guest-defaults.js';
import { makePlan } from './make-plan.js';
import { repackOf } from './repack.js';
import type { RunPlan } from './run-plan.js';
import { readingOf } from './vmcore-reading.js';

/** Options that {@link RunPlan.machine}'s name holds as `option=value`. */
const NAMED = ['machine', 'cpu-model', 'cpus', 'memory'];

/** What a plan does not show. */
export interface Asked {
  /** Path of a scenario of the user's own; absent: its name. */
  readonly scenario?: string | undefined;
  /** Path of a machine profile of the user's own; absent: its name. */
  readonly machine?: string | undefined;
  /** Hosts over which runs are spread; absent: the plan's. */
  readonly hosts?: readonly string[] | undefined;
  readonly repeat?: number | undefined;
}

/**
 * A command line of a POSIX shell that runs a plan's guest again: the same scenario, kernels, machine, command lines and
 * accelerator, with a fresh nonce. Pure.
 */
export function reproduceCommand(plan: RunPlan, asked: Asked = {}): string {
  const { scenario, kernel, captureKernel, accel, host, timeoutScale } = plan;
  const hosts = asked.hosts ?? (host === undefined ? [] : [host]);
  return shellQuote([
    'crashpath',
    'run',
    asked.scenario ?? scenario.name,
    ...['--kernel', kernel.spec],
    ...(captureKernel.sha256 === kernel.sha256 ? [] : ['--capture-kernel', captureKernel.spec]),
    ...repackOption(plan),
    ...machineOptions(plan, asked.machine),
    ...commandLineOptions(plan),
    ...['--accel', accel.unproved === undefined ? accel.accel : 'kvm-unproved'],
    ...(timeoutScale === 1 ? [] : ['--timeout-scale', String(timeoutScale)]),
    ...hosts.flatMap((name) => ['--host', name]),
    ...(asked.repeat === undefined ? [] : ['--repeat', String(asked.repeat)]),
  ]);
}

/** `--repack` as it was given, where a kernel was repacked. */
function repackOption(plan: RunPlan): string[] {
  const repack = repackOf(plan);
  return repack === undefined ? [] : ['--repack', repack];
}

/** A machine's name is its profile's, followed by what was changed (choose-machine.ts). */
function machineOptions({ machine, scenario: { guest } }: RunPlan, file: string | undefined): string[] {
  const words = machine.name?.split(' ') ?? [];
  const [first] = words;
  const changes = words.flatMap((word) => {
    const option = NAMED.find((one) => word.startsWith(`${one}=`));
    return option === undefined ? [] : [`--${option}`, word.slice(option.length + 1)];
  });
  const profile = machine.prove === undefined ? undefined : (file ?? first);
  if (profile !== undefined) return ['--machine-profile', profile, ...changes];
  const unlike = (value: number, usual: number, option: string) =>
    value === usual ? [] : [option, String(value)];
  return [
    ...changes,
    ...unlike(machine.cpus, guest.cpus ?? GUEST_DEFAULTS.cpus, '--cpus'),
    ...unlike(machine.memoryMiB, guest.memoryMiB ?? GUEST_DEFAULTS.memoryMiB, '--memory'),
  ];
}

/** The words of the command lines that the scenario alone would not give, and how the crash kernel is loaded. */
function commandLineOptions(plan: RunPlan): string[] {
  const reading = readingOf(plan.captureAppend);
  const { loadSyscall } = plan;
  const madeWith = (captureAppend?: string) =>
    makePlan(
      plan.scenario,
      {
        kernel: plan.kernel,
        captureKernel: plan.captureKernel,
        accel: plan.accel,
        qemu: { ...plan.qemu, argumentsFor: () => [] },
        initrd: '',
      },
      {
        identity: plan,
        choices: {
          ...{ cpus: plan.machine.cpus, vmcore: reading, keepVmcore: plan.keepVmcore?.of },
          ...{ loadSyscall, captureAppend },
        },
      },
    );
  const usual = madeWith();
  const added = (own: string, without: string) => {
    const known = wordsOf(without);
    const words = wordsOf(own).filter((word) => !known.includes(word));
    return words.length === 0 ? undefined : words.join(' ');
  };
  const append = added(plan.append, usual.append);
  const more = added(plan.captureAppend, usual.captureAppend);
  // Words that are not there, and that nothing replaces: the whole command line was given.
  const own = wordsOf(plan.captureAppend);
  const isWhole = wordsOf(madeWith(more).captureAppend).some((word) => !own.includes(word));
  const whole = own.filter((word) => !keyOf(word).startsWith('crashpath.')).join(' ');
  return [
    ...(append === undefined ? [] : ['--append', append]),
    ...(isWhole ? ['--capture-cmdline', whole] : more === undefined ? [] : ['--capture-append', more]),
    ...(loadSyscall === (plan.scenario.guest.loadSyscall ?? LOAD_SYSCALLS[0])
      ? []
      : ['--load-syscall', loadSyscall]),
    ...(reading === (plan.scenario.vmcore ?? VMCORE_READS[0]) ? [] : ['--vmcore', reading]),
  ];
}
