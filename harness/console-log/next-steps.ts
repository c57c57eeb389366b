import { shellQuote } from '../model/shell-words.js';
import type { CauseName } from '../classify/known-causes.js';
import type { LogFinding } from '../classify/log-undetermined.js';
import { keyOf, valueOf, wordsOf } from '../plan/command-line.js';
import { mistakeInCrashkernel } from '../plan/crashkernel.js';

/** A command of crashpath that takes a crash further, as words behind `crashpath`. */
export interface NextStep {
  readonly words: readonly string[];
  /** The same for a shell. */
  readonly command: string;
  readonly why: string;
}

/** What the next steps are chosen by. */
export interface NextInput {
  readonly finding: LogFinding;
  readonly causes: readonly CauseName[];
  /** The first kernel's panic, or oops. */
  readonly message: string;
  readonly release: string | undefined;
  readonly commandLine: string | undefined;
  readonly captureCommandLine: string | undefined;
  /** The log with the stacks of several CPUs, of which a draft can be made; undefined without. */
  readonly stacksIn: string | undefined;
}

interface Step {
  readonly scenarios: readonly string[];
  readonly why: string;
  readonly more?: readonly string[];
  /** Another reservation than the log's. */
  readonly crashkernel?: string | undefined;
}

/** Scenarios that make the state which a cause speaks of. */
const BY_CAUSE: Partial<Record<CauseName, Step>> = {
  'kexec-locked-down': {
    scenarios: ['sysrq-task'],
    why: 'a locked-down kernel is void there, with its own message',
    more: ['--append', 'lockdown=integrity'],
  },
  'no-crash-kernel': {
    scenarios: ['no-crash-kernel', 'sysrq-task'],
    why: 'the same panic without a crash kernel, and with one',
  },
  'oops-without-panic': {
    scenarios: ['lkdtm-direct-access-null'],
    why: 'an oops with panic_on_oops, which dumps',
  },
  'crashkernel-too-small': { scenarios: ['sysrq-task'], why: 'the same reservation; then a larger one' },
  'timer-dead-in-capture': {
    scenarios: ['pit-tick', 'legacy-timer'],
    why: 'capture kernels that need the timer interrupt',
  },
  'old-interrupt-screams': {
    scenarios: ['msi-storm', 'line-stuck'],
    why: 'interrupts of the old kernel, through the jump and the boot of the capture kernel',
  },
  'old-timer-interrupt': { scenarios: ['timer'], why: 'a panic inside the timer interrupt' },
  'purgatory-digest': { scenarios: ['corrupt-crash-image'], why: 'purgatory with a changed crash image' },
  'no-root-in-capture': { scenarios: ['capture-no-root'], why: 'a capture kernel without an init' },
  'ioapic-lock': {
    scenarios: ['ioapic-lock-held'],
    why: 'the shootdown NMI stops a CPU that holds ioapic_lock',
    more: ['--repeat', '3'],
  },
  'pci-config-lock': {
    scenarios: ['pci-config-lock-held'],
    why: 'the shootdown NMI stops a CPU that holds pci_config_lock',
  },
  'printing-on-serial-console': {
    scenarios: ['console-lock-held'],
    why: "the shootdown NMI stops a CPU inside the serial console's write",
  },
  'waits-in-printk': {
    scenarios: ['console-lock-held'],
    why: "the shootdown NMI stops a CPU inside the serial console's write",
  },
  'in-panic-notifier': { scenarios: ['notifiers', 'notifier-hangs'], why: 'panic notifiers before the jump' },
};

/** Scenarios that panic in the context that a message names. */
const BY_MESSAGE: readonly (readonly [message: RegExp, step: Step])[] = [
  [/hard LOCKUP/i, { scenarios: ['hardlockup'], why: 'a panic of the NMI watchdog' }],
  [/^softlockup|soft lockup/i, { scenarios: ['softlockup'], why: 'a panic of the soft lockup watchdog' }],
  [/^hung_task|blocked for more than/, { scenarios: ['hung-task'], why: 'a panic of khungtaskd' }],
  [/NMI/, { scenarios: ['nmi-panic'], why: 'a panic in NMI context' }],
  [/in interrupt/, { scenarios: ['hardirq-entry', 'softirq'], why: 'a panic in interrupt context' }],
];

/** Words that distributions give to a capture kernel, which change its boot and that a guest can have as well. */
const CAPTURE_WORDS: ReadonlySet<string> = new Set([
  'irqpoll',
  'reset_devices',
  'mce',
  'numa',
  'acpi_no_memhotplug',
  'pcie_ports',
  'hest_disable',
  'nr_cpus',
  'maxcpus',
  'noapic',
  'nolapic',
  'no_timer_check',
  'iommu',
  'intel_iommu',
  'cgroup_disable',
]);

/**
 * Commands for the next try, the most telling first, at most three. The kernel is named as far as the log does: a Debian
 * kernel by its series, another one by the file that holds it on its machine. Nothing of the log reaches a command
 * unchecked. Pure.
 */
export function nextSteps(input: NextInput): NextStep[] {
  const { finding, causes, message } = input;
  const steps: Step[] = causes.flatMap((name) => BY_CAUSE[name] ?? []);
  for (const [pattern, step] of BY_MESSAGE) if (pattern.test(message)) steps.push(step);
  if (causes.includes('crashkernel-too-small'))
    steps.splice(1, 0, {
      scenarios: ['sysrq-task'],
      why: 'with a larger reservation',
      crashkernel: doubled(reservationOf(input)) ?? '512M',
    });
  const isReset = /^reboot-after|^reset/.test(finding.detail);
  steps.push({ scenarios: ['sysrq-task'], why: 'does this kernel dump at all' });
  if (isReset || finding.detail === 'log-ends-after-panic' || finding.word === 'crash-path-hang')
    steps.push({
      scenarios: ['two-panics', 'cpu-deaf'],
      why: 'panics of two CPUs, and a CPU that does not answer the NMI',
    });
  const append = captureWords(input);
  const isOther = OTHER_MACHINE.test(input.release ?? '');
  const commands = steps.map(({ scenarios, why, more = [], crashkernel = reservationOf(input) }) => {
    const reservation = crashkernel === undefined ? [] : ['--crashkernel', crashkernel];
    const words = [
      'run',
      ...scenarios,
      '--kernel',
      kernelSpec(input.release),
      ...reservation,
      ...append,
      ...more,
    ];
    return {
      words,
      command: shellQuote(['crashpath', ...words]),
      why: isOther ? `${why}${BUILD_FOR_X86}` : why,
    };
  });
  if (isReset) {
    const words = ['sweep', 'nmi-transition', '--kernel', kernelSpec(input.release)];
    const why = `where on the crash path an NMI resets the machine${isOther ? BUILD_FOR_X86 : ''}`;
    commands.unshift({ words, command: shellQuote(['crashpath', ...words]), why });
  }
  if (input.stacksIn !== undefined) {
    const words = ['propose', input.stacksIn];
    const why = 'a choreography that brings two CPUs to the places of these stacks';
    commands.unshift({ words, command: shellQuote(['crashpath', ...words]), why });
  }
  const seen = new Set<string>();
  return commands.filter(({ command }) => !seen.has(command) && seen.add(command)).slice(0, 3);
}

/** Debian's releases: `6.1.0-56-amd64`, `6.12.43+deb13-cloud-amd64`, `5.10.0-32-686-pae`. */
const DEBIAN =
  /^(\d{1,2}\.\d{1,3})\.\d{1,4}(?:-\d{1,3}|\+deb\d{1,2}(?:\.\d+)?)(?:-(cloud|rt))?-(amd64|686-pae|686)$/;

/** Releases of kernels that are not for x86, as distributions name them. */
const OTHER_MACHINE =
  /[.+-](?:aarch64|arm64|armmp|armv\d\w{0,16}|ppc64(?:le|el)?|powerpc\w{0,16}|s390x?|riscv64|loongarch64|loong64)(?:$|[+.-])/;
const BUILD_FOR_X86 = '; crashpath boots x86 only: build the same version for it';

/** How crashpath names a kernel of this release; a file where only its machine has it. */
export function kernelSpec(release: string | undefined): string {
  if (release === undefined || OTHER_MACHINE.test(release) || !/^[\w.+~-]{1,96}$/.test(release))
    return './bzImage';
  const debian = DEBIAN.exec(release);
  if (debian === null) return `/boot/vmlinuz-${release}`;
  const [, series = '', flavour, machine] = debian;
  const suffix = machine === 'amd64' ? (flavour === undefined ? '' : `-${flavour}`) : `-${machine}`;
  return `debian:${series}${suffix}`;
}

/** The reservation that the log's command line asks for, where `--crashkernel` takes it. */
function reservationOf({ commandLine }: NextInput): string | undefined {
  const values = wordsOf(commandLine)
    .filter((word) => keyOf(word) === 'crashkernel')
    .map((word) => valueOf(word) ?? '');
  const reservation = values.join(' ');
  return values.length > 0 && reservation.length < 200 && mistakeInCrashkernel(reservation) === undefined
    ? reservation
    : undefined;
}

/** Twice as much, of a reservation that is a mere size. */
function doubled(reservation: string | undefined): string | undefined {
  const [, size, unit] = /^(\d{1,6})([KMG])$/.exec(reservation ?? '') ?? [];
  return size === undefined ? undefined : `${2 * Number(size)}${unit}`;
}

function captureWords({ captureCommandLine }: NextInput): string[] {
  const append = wordsOf(captureCommandLine)
    .filter((word) => CAPTURE_WORDS.has(keyOf(word)) && /^[\w.=,-]{1,64}$/.test(word))
    .slice(0, 12)
    .join(' ');
  return append === '' ? [] : ['--capture-append', append];
}
