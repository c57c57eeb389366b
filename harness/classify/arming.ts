import type { Armed } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import { keyOf, valueOf, wordsOf } from '../plan/command-line.js';
import { GUEST_DEFAULTS, type LoadSyscall } from '../plan/guest-defaults.js';
import { mebibytes } from '../plan/reservation.js';
import { bytesOf } from '../timeline/armed.js';
import { withoutStamp } from '../timeline/printk.js';
import type { Facts, Finding } from './facts.js';
import { first, firstFact } from './phases.js';

/** Lines of one error that are shown, and characters of each. */
const MOST_LINES = 4;
const LINE_CHARACTERS = 160;

/** Lines of the kernel's log that can be about a refused load or reservation; the command line repeats its own words. */
const ABOUT_KEXEC =
  /lockdown: |kexec|crash ?kernel|crash image|signature|PKCS|IMA|integrity|denied|out of memory|allocation failure/i;
const NO_REASON = /command line: |^Reserving \d+MB /i;

/** No kernel fits into less. */
const LEAST_BYTES = 1024n * 1024n;

/** A reason that is known by its words, with what the user can do about it. The first one that fits counts. */
interface KnownReason {
  readonly says: RegExp;
  readonly remedy: (armed: Armed, loadSyscall: LoadSyscall) => string;
}

const KNOWN: readonly KnownReason[] = [
  {
    // security/lockdown/lockdown.c, lockdown_is_locked_down() (v6.1); the line is printed at the notice level.
    says: /Lockdown: .*kexec/i,
    // With kexec_file_load it prints the same of an image whose signature no key of its keyrings made (kernel/kexec_file.c,
    // kimage_validate_signature(), v6.1).
    remedy: (_, loadSyscall) =>
      loadSyscall === 'kexec_load'
        ? 'a kernel that is locked down refuses kexec_load: boot it without lockdown=, or load a signed capture kernel with --load-syscall kexec_file_load'
        : 'a kernel that is locked down takes an image only if a key of its keyrings signed it, and a guest without UEFI has built-in keys only: boot it without lockdown=',
  },
  {
    // kexec-tools 2.0.25, kexec/kexec.c, locate_hole(), and "Cannot load" of its callers.
    says: /Could not find a free area of memory|locate_hole failed|Cannot allocate memory/i,
    remedy: (armed) =>
      `the reservation of ${mebibytes(bytesOf(armed.ranges))} is too small${needed(armed)}; give it a bigger --crashkernel (${GUEST_DEFAULTS.crashkernel} is the default)`,
  },
  {
    says: /signature|PKCS|Required key not available|Key was rejected/i,
    remedy: () =>
      'the kernel takes signed images only: use a signed capture kernel, or a kernel without CONFIG_KEXEC_SIG_FORCE',
  },
  {
    // kernel/kexec.c, kexec_load_check() (v6.1): the sysctl, once set, stays set.
    says: /Operation not permitted/i,
    remedy: () => 'the kernel forbids it: see kernel.kexec_load_disabled and its log',
  },
  {
    // kexec-tools 2.0.25, kexec/kexec.c, main(), of ENOSYS.
    says: /Function not implemented|not implemented|kexec_file_load not available/i,
    remedy: (_, loadSyscall) =>
      loadSyscall === 'kexec_load'
        ? 'the kernel has no kexec_load(): build it with CONFIG_KEXEC=y and CONFIG_CRASH_DUMP=y'
        : 'the kernel has no kexec_file_load(): build it with CONFIG_KEXEC_FILE=y (64-bit only), or load by kexec_load',
  },
  {
    says: /command line (overflow|too long)|too large/i,
    remedy: () => 'shorten --capture-append',
  },
  {
    says: /Cannot determine the file type|Invalid (ELF|argument)|not a valid|wrong architecture/i,
    remedy: () => 'kexec cannot load this capture kernel: choose another one with --capture-kernel',
  },
];

/** Why is no crash kernel loaded? Undefined when the guest never came to load it. */
export function whyNotArmed({ armed, events, plan }: Facts): Finding | undefined {
  const base = { word: 'void' } as const;
  if (armed === undefined) {
    const deadline = firstFact(events, 'deadline');
    return deadline === undefined
      ? undefined
      : {
          ...base,
          detail: 'arming-deadline',
          explanation: `kexec -p did not end within ${seconds(deadline.fact.limitMs)}; on a busy host give a bigger --timeout-scale`,
          evidence: [deadline],
        };
  }
  const report = armed.armed;
  if (report.withoutKexec === true) {
    return {
      ...base,
      detail: 'kexec-load-failed',
      explanation:
        'the kernel has no kexec (no /sys/kernel/kexec_crash_loaded): build it with CONFIG_KEXEC=y and CONFIG_CRASH_DUMP=y',
      evidence: [armed],
    };
  }
  if (report.crashSize === 0n && report.ranges.length === 0) {
    const line = first(events, 'signature', ({ name }) => name === 'crashkernel-not-reserved');
    const logged = line === undefined ? kernelLines(report) : [withoutStamp(line.text)];
    const asked = askedOf(plan.append);
    const wanted = asked === '' ? 'a crash kernel' : asked;
    return {
      ...base,
      detail: 'crashkernel-not-reserved',
      explanation: `the kernel reserved no memory for ${wanted}${said(logged)}; ${reservationRemedy(asked, logged)}`,
      evidence: [line, armed],
    };
  }
  const errors = report.errors.length === 0 ? [`exit status ${report.status}`] : report.errors;
  const logged = kernelLines(report);
  const remedy =
    withoutUnit(report, plan.append) ??
    KNOWN.find(({ says }) => [...logged, ...errors].some((text) => says.test(text)))?.remedy(
      report,
      plan.loadSyscall,
    );
  return {
    ...base,
    detail: 'kexec-load-failed',
    explanation: `kexec -p ${plan.loadSyscall === 'kexec_load' ? '' : '-s '}could not load the crash kernel: ${lines(errors)}${said(logged)}${remedy === undefined ? '' : `; ${remedy}`}`,
    evidence: [armed],
  };
}

/** A size without a unit counts bytes (lib/cmdline.c, memparse()). */
function withoutUnit({ ranges, crashSize }: Armed, append: string): string | undefined {
  const reserved = ranges.length === 0 ? crashSize : bytesOf(ranges);
  return reserved < LEAST_BYTES
    ? `${reserved} bytes are reserved: does ${askedOf(append)} lack its unit, as in 192M?`
    : undefined;
}

/** kexec's error in short, for a progress line. */
export function loadError({ errors, status }: Armed): string {
  return lines(errors.length === 0 ? [`exit status ${status}`] : errors.slice(0, 1));
}

/** The `crashkernel=` words of a command line; empty without any. */
function askedOf(append: string): string {
  return wordsOf(append)
    .filter((word) => keyOf(word) === 'crashkernel')
    .join(' ');
}

function reservationRemedy(asked: string, logged: readonly string[]): string {
  if (valueOf(asked) === 'auto')
    return 'this kernel has no crashkernel=auto: give it a size with --crashkernel';
  // kernel/crash_core.c, parse_crashkernel_mem() and parse_crashkernel_simple() (v6.1).
  if (logged.some((line) => /expected|unrecognized char|end <= start|invalid size/i.test(line))) {
    return 'correct its value';
  }
  const value = valueOf(asked) ?? '';
  if (value.includes('-')) return 'is the memory of the guest in one of its ranges? see --memory';
  if (asked === '') return 'give it --crashkernel';
  // arch/x86/kernel/setup.c, reserve_crashkernel() (v6.1): a place is taken as it is, or not at all; 0 is none.
  if (/@0*[1-9]/.test(value)) return 'that place is not free: leave out @ and what follows it';
  return 'give the guest more --memory or a smaller --crashkernel';
}

/** The lines of the kernel's log that name a reason, without their time stamps, each once. */
function kernelLines({ kernelLog = [] }: Armed): string[] {
  return [...new Set(kernelLog.map(withoutStamp))].filter(
    (line) => ABOUT_KEXEC.test(line) && !NO_REASON.test(line),
  );
}

function said(logged: readonly string[]): string {
  return logged.length === 0 ? '' : `; the kernel says: ${lines(logged)}`;
}

function lines(texts: readonly string[]): string {
  const shown = texts
    .slice(0, MOST_LINES)
    .map((text) => escapeGuestText(text.trim().replace(/(?<!\.)\.$/, ''), LINE_CHARACTERS));
  return [...shown, ...(texts.length > MOST_LINES ? [`${texts.length - MOST_LINES} more lines`] : [])].join(
    ' | ',
  );
}

/** The capture kernel's own size, where the report has it. */
function needed({ loads }: Armed): string {
  if (loads === undefined) return '';
  const { kernel, initrd } = loads;
  return `: the unpacked kernel takes ${mebibytes(BigInt(kernel))} and its initramfs ${mebibytes(BigInt(initrd))}, and it needs memory to run in`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
