import type { Argv, ArgumentsCamelCase } from 'yargs';
import { usageFault } from '../../model/fault.js';
import {
  GUEST_DEFAULTS,
  KEEP_VMCORE,
  type KeepVmcore,
  LOAD_SYSCALLS,
  type LoadSyscall,
  type Repack,
  REPACKS,
  VMCORE_READS,
  type VmcoreReading,
} from '../../plan/guest-defaults.js';
import { LOCAL_HOST_NAME } from '../../ssh/address.js';
import type { AccelRequest } from '../../machine/qemu/accel/choose-accelerator.js';
import {
  campaignName,
  cpus,
  crashkernel,
  factor,
  keepVmcore,
  loadSyscall,
  machineName,
  memoryMiB,
  nonEmpty,
  qemuName,
  repack,
  text,
  vmcoreReading,
  wholeNumber,
} from './option-values.js';
import { acceleratorOption, givenAmong, hostOption, OUT_OPTION, single } from './shared-options.js';

/** Options that {@link guestOptions} declares, as they are spelled; yargs hands them over in camelCase as well. */
export interface GuestOptions {
  'capture-kernel': string | undefined;
  append: string | undefined;
  'capture-append': string | undefined;
  'capture-cmdline': string | undefined;
  'load-syscall': LoadSyscall | undefined;
  crashkernel: string | undefined;
  cpus: number | undefined;
  memory: number | undefined;
  'machine-profile': string[];
  machine: string | undefined;
  'cpu-model': string | undefined;
  accel: AccelRequest;
  host: string[];
  jobs: number | undefined;
  clone: boolean;
  repack: Repack | undefined;
  vmcore: VmcoreReading | undefined;
  'keep-vmcore': KeepVmcore | undefined;
  'keep-failed': number | undefined;
  'keep-minutes': number | undefined;
  'timeout-scale': number | undefined;
  out: string;
  name: string | undefined;
}

/** The options among them that decide the runs; a resumed campaign keeps those of its start. */
export const GUEST_PLAN_OPTIONS = [
  'machine-profile',
  'capture-kernel',
  'append',
  'capture-append',
  'capture-cmdline',
  'load-syscall',
  'crashkernel',
  'cpus',
  'memory',
  'machine',
  'cpu-model',
  'repack',
  'vmcore',
  'keep-vmcore',
  'keep-failed',
  'keep-minutes',
  'timeout-scale',
  'name',
  'host',
] as const satisfies readonly (keyof GuestOptions)[];

/** The given options, beside {@link GUEST_PLAN_OPTIONS}, that a resumed campaign keeps: those that have a default. Pure. */
export function fixedWithDefault({ accel, out }: Pick<GuestOptions, 'accel' | 'out'>): string[] {
  return [...(accel === 'auto' ? [] : ['--accel']), ...(out === OUT_OPTION.default ? [] : ['--out'])];
}

/** Declares the options of every command that runs guests: the guests, their machines, and where runs are stored. */
export function guestOptions<T>(yargs: Argv<T>) {
  const { crashkernel: reserved, cpus: count, memoryMiB: memory, machine } = GUEST_DEFAULTS;
  return yargs
    .option('capture-kernel', {
      ...single(nonEmpty('--capture-kernel')),
      describe: 'Capture kernel, in the same forms (default: each kernel is its own capture kernel)',
    })
    .option('append', {
      ...single(text('--append')),
      describe: "Appended to the first kernel's command line; replaces crashpath's words of the same key",
    })
    .option('capture-append', {
      ...single(text('--capture-append')),
      describe:
        "Appended to the capture kernel's command line; replaces crashpath's words of the same key (nr_cpus=1)",
    })
    .option('capture-cmdline', {
      ...single(text('--capture-cmdline')),
      describe:
        "The capture kernel's whole command line: replaces crashpath's words, the profile's and the scenario's (docs/machines.md)",
    })
    .option('load-syscall', {
      choices: LOAD_SYSCALLS,
      requiresArg: true,
      coerce: loadSyscall,
      describe:
        "How the crash kernel is loaded: kexec_load (kexec -c) or kexec_file_load (kexec -s) (default: the scenario's, else kexec_load)",
    })
    .option('crashkernel', {
      ...single(crashkernel),
      describe: `Memory reserved for the capture kernel, a value of crashkernel=, e.g. 256M or "1G,high 72M,low" (default ${reserved})`,
    })
    .option('cpus', {
      ...single(cpus),
      describe: `Number of vCPUs (default: the scenario's or profile's, else ${count})`,
    })
    .option('memory', {
      ...single(memoryMiB),
      describe: `Guest memory in MiB (default: the scenario's or profile's, else ${memory})`,
    })
    .option('machine-profile', {
      type: 'string',
      array: true,
      default: [] as string[],
      requiresArg: true,
      describe: 'Machine profile: a name of crashpath list machines, or a .yaml file; may be repeated',
    })
    .option('machine', {
      ...single(machineName),
      describe: `QEMU machine type (default: the profile's, else ${machine})`,
    })
    .option('cpu-model', {
      ...single(qemuName('--cpu-model')),
      describe: "QEMU CPU model (default: the profile's, else host under KVM and max under TCG)",
    })
    .option(
      'accel',
      acceleratorOption(
        'auto uses KVM when a test guest proves that it works here, else TCG; kvm-unproved uses KVM although it is not proved, and every result says so',
      ),
    )
    .option(
      'host',
      hostOption(
        'Run the guests there: ssh://[user@]host[:port], a name of ~/.ssh/config, or local for this host; may be repeated (docs/hosts.md)',
      ),
    )
    .option('jobs', {
      ...single(wholeNumber('--jobs', { least: 1, most: 256 })),
      describe: 'Number of guests that run at the same time on each host (default: host CPUs / vCPUs)',
    })
    .option('clone', {
      type: 'boolean',
      default: true,
      describe:
        'Boot and arm a guest of several runs once, and begin most of its runs as clones of it; --no-clone boots each run',
    })
    .option('repack', {
      choices: REPACKS,
      requiresArg: true,
      coerce: repack,
      describe:
        'Repack these kernels so that they decompress fast: the same kernel and decompressor, another payload (default: none; docs/performance.md)',
    })
    .option('vmcore', {
      choices: VMCORE_READS,
      requiresArg: true,
      coerce: vmcoreReading,
      describe:
        "How much of /proc/vmcore is read: all of it; all that can be mapped, by mmap alone; or only this run's nonce. Each is faster than the one before and proves less (default: the scenario's, else whole; docs/verdicts.md)",
    })
    .option('keep-vmcore', {
      choices: KEEP_VMCORE,
      coerce: keepVmcore,
      describe:
        'Keep a dump for crash and drgn, as vmcore in the run directory: of runs that did not capture or are unexpected (failed, also without a value), or of all (docs/dumps.md)',
    })
    .option('keep-failed', {
      ...single(wholeNumber('--keep-failed', { least: 1, most: 16 })),
      describe:
        'Leave the dead guest of a failed run up for crashpath attach, so many at a time on this host (without a value 1; docs/dumps.md)',
    })
    .option('keep-minutes', {
      ...single(wholeNumber('--keep-minutes', { least: 1, most: 1440 })),
      describe: `How long such a guest stays up (default ${GUEST_DEFAULTS.keepMinutes})`,
    })
    .option('timeout-scale', {
      ...single(factor('--timeout-scale', { least: 0.1, most: 100 })),
      describe: 'Factor on every deadline, for slow hosts and slow kernels (default 1)',
    })
    .option('out', OUT_OPTION)
    .option('name', {
      ...single(campaignName),
      describe: 'Name of the campaign, which becomes a directory (default: date and time)',
    });
}

/** What the options say of the guests of a command that plans its runs one by one. Pure. */
export function guestChoices(argv: ArgumentsCamelCase<GuestOptions>) {
  const { captureKernel, append, captureAppend, crashkernel, cpus: count, memory, machine, cpuModel } = argv;
  const { captureCmdline, loadSyscall: syscall, repack: repacked, vmcore, timeoutScale } = argv;
  const { machineProfile, accel } = argv;
  return {
    ...{ captureKernel, append, captureAppend, crashkernel, cpus: count, memory, machine, cpuModel },
    ...{
      captureCmdline,
      loadSyscall: syscall,
      repack: repacked,
      vmcore,
      timeoutScale,
      machineProfile,
      accel,
    },
  };
}

/** Refuses what runs that are only counted do not keep. Throws a usage fault. Pure. */
export function requireNothingKept(
  what: string,
  argv: Pick<GuestOptions, 'keep-vmcore' | 'keep-failed'>,
): void {
  const given = givenAmong(argv, ['keep-vmcore', 'keep-failed']);
  if (given.length === 0) return;
  throw usageFault(
    `cannot use ${given.join(' ')} in ${what}: its runs are counted, and none is kept; run the kernel of interest with crashpath run ${given.join(' ')}`,
  );
}

/** Refuses what is kept only of guests on this host, before any other is connected. Throws a usage fault. Pure. */
export function requireKeptHere(argv: Pick<GuestOptions, 'keep-vmcore' | 'keep-failed' | 'host'>): void {
  const there = argv.host.find((name) => name !== LOCAL_HOST_NAME);
  const given = givenAmong(argv, ['keep-vmcore', 'keep-failed']);
  if (there === undefined || given.length === 0) return;
  throw usageFault(
    `cannot use ${given.join(' ')} with --host "${there}": dumps and guests are kept on this host only; leave out one of them`,
  );
}
