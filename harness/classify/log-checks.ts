import type { RunEvent } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import { capturePanicCheck, panicReason } from './capture-panic-check.js';
import { neverJumped, noCrashKernelCheck } from './end-checks.js';
import type { Finding } from './facts.js';
import { type LogFacts, signatureOf } from './log-boot.js';
import { first } from './phases.js';
import { resetCheck } from './reset-check.js';

/** What a log proves of a crash, or why it proves nothing and what would decide it. */
export type LogFinding =
  | Finding
  | (Omit<Finding, 'word'> & {
      readonly word: 'undetermined';
      /** What would decide it, one sentence each. */
      readonly decidedBy: readonly string[];
    });

/** One question about a log; undefined when it does not apply. */
export type LogCheck = (facts: LogFacts) => LogFinding | undefined;

/** Panics that a kernel has before it starts its init (init/main.c, arch/x86/kernel/apic/io_apic.c, v6.1). */
const BOOT_REASONS: ReadonlySet<string> = new Set(['no-init', 'timer-check-failed', 'too-many-boot-words']);

/** kexec-tools' purgatory found the crash image changed, and loops for ever behind that message. */
export const purgatoryDigestCheck: LogCheck = ({ events, panic }) => {
  const digest = signatureOf(events, 'purgatory-digest');
  if (digest === undefined) return undefined;
  return {
    word: 'purgatory-hang',
    detail: 'digest-mismatch',
    explanation:
      'purgatory refused the crash image: its SHA-256 is not the one of the loading; purgatory loops for ever behind that message (kexec-tools, purgatory/purgatory.c)',
    evidence: [panic, digest],
  };
};

/** The capture kernel's userspace reports a dump. It is a line of text: the dump itself is the proof. */
export const dumpReportedCheck: LogCheck = ({ events, boot, captureEntered }) => {
  const saved = signatureOf(events, 'dump-saved', sideOf(boot));
  if (saved === undefined) return undefined;
  return undetermined(
    'dump-reported',
    "the capture kernel's userspace reports a saved dump; a line of text proves no dump",
    ['open the dump that it names: makedumpfile --dump-dmesg VMCORE FILE, crash, or drgn'],
    [captureEntered, saved],
  );
};

/** The capture kernel panicked, by its own line, and printed nothing that a dead kernel does not. */
export const logCapturePanicCheck: LogCheck = (facts) => {
  const finding = capturePanicCheck(facts);
  const { boot, events } = facts;
  if (finding === undefined || boot.captureGoesOn === undefined) return finding;
  const { how, line } = boot.captureGoesOn;
  return undetermined(
    'capture-panic-doubted',
    `the capture kernel's console shows a panic, and goes on behind it ${howText(how, line)}: a quotation, perhaps of the first kernel's log`,
    ['whether there is a dump on the dump target'],
    [...finding.evidence, signatureOf(events, 'dump-failed')],
  );
};

/** The capture kernel's userspace reports that it could not save the dump, and no later success. */
export const dumpFailedCheck: LogCheck = ({ events, boot, captureEntered }) => {
  const unopened = signatureOf(events, 'vmcore-not-opened');
  const failed = signatureOf(events, 'dump-failed', sideOf(boot));
  const why = unopened ?? signatureOf(events, 'dump-target-full') ?? failed;
  if (failed === undefined || why === undefined) return undefined;
  return {
    word: 'capture-no-vmcore',
    detail: unopened === undefined ? 'dump-failed' : 'vmcore-missing',
    explanation: `the capture kernel's userspace could not save the dump: ${escapeGuestText(why.text)}`,
    evidence: [captureEntered, why, failed],
  };
};

/** A kernel that prints on behind its panic did not die of it, or did not print it. */
export const goesOnCheck: LogCheck = ({ boot, panic, captureEntered }) => {
  if (panic === undefined || captureEntered !== undefined || boot.goesOn === undefined) return undefined;
  const { how, line } = boot.goesOn;
  return undetermined(
    how === 'back' ? 'clock-went-back' : 'goes-on-after-panic',
    how === 'back'
      ? `behind the panic the time stamps go back ${howText(how, line)}, without a kernel's banner: a quiet kernel was started, or the panic is a quotation of an older log`
      : `the log goes on ${howText(how, line)}: the panic is a quotation, or another CPU lived on while one was stuck in it`,
    ['the whole log, of a console without quiet and loglevel=', 'whether there is a dump on the dump target'],
    [panic],
  );
};

/** The first kernel panicked before its init was started. */
export const bootPanicCheck: LogCheck = ({ boot, panic, loaded, captureEntered, events }) => {
  if (panic === undefined || boot.kernel !== 'first' || loaded === true || captureEntered !== undefined)
    return undefined;
  const reason = panicReason(panic.message);
  // init/main.c, kernel_init(): process 1 has this name until it executes init (v6.1).
  const header = events.find(
    (event) =>
      event.type === 'signature' &&
      event.name === 'crash-kernel-missing' &&
      / PID: 1 Comm: swapper\/\d+ /.test(event.text) &&
      events.indexOf(event) >= events.indexOf(panic) - 1,
  );
  const isBoot = (reason !== undefined && BOOT_REASONS.has(reason)) || header !== undefined;
  if (!isBoot) return undefined;
  return {
    word: 'boot-failed',
    detail: 'panic-during-boot',
    explanation: `the first kernel panicked before it started its init: ${escapeGuestText(panic.message)}`,
    evidence: [panic, header],
  };
};

/** A panic without a crash kernel, and its end. */
export const logNoCrashKernelCheck: LogCheck = (facts) => {
  const finding = noCrashKernelCheck(facts);
  if (finding === undefined) return undefined;
  return { ...finding, evidence: [facts.loadedBy, ...finding.evidence] };
};

/** panic() announced a reboot, which stands behind the call that starts the crash kernel, and the machine rebooted. */
export const announcedResetCheck: LogCheck = (facts) => {
  const { events, loaded, loadedBy, captureEntered } = facts;
  const announced = first(events, 'reboot-announced', ({ side }) => side === 'production');
  if (announced === undefined || !hasOnePanic(events) || captureEntered !== undefined || loaded !== true)
    return undefined;
  const reset = resetCheck(facts);
  if (reset === undefined) return undefined;
  return {
    ...reset,
    explanation:
      'panic() announced a reboot and the machine rebooted: with a crash kernel loaded, the jump to it had failed or was refused',
    evidence: [loadedBy, ...reset.evidence, announced],
  };
};

/** panic() printed its end mark with a crash kernel loaded: it loops there for ever. */
export const logNeverJumpedCheck: LogCheck = (facts) => {
  const { events, loaded, loadedBy, captureEntered } = facts;
  if (loaded !== true || !hasOnePanic(events) || captureEntered !== undefined) return undefined;
  const ended = first(events, 'panic-ended', ({ side }) => side === 'production');
  if (ended === undefined) return undefined;
  const finding = neverJumped(facts, ended);
  return { ...finding, evidence: [loadedBy, ...finding.evidence] };
};

/** An oops, and the kernel lived on: nothing asked for a dump. */
export const livedOnCheck: LogCheck = ({ events, boot, panic, captureEntered }) => {
  const oops = events.findLast((event) => event.type === 'oops' && event.side === 'production');
  if (oops === undefined || panic !== undefined || captureEntered !== undefined) return undefined;
  if (boot.goesOn?.how !== 'later' || boot.kernel === 'capture') return undefined;
  return {
    word: 'no-panic',
    detail: 'lived-on',
    explanation: `the kernel reported an oops and lived on (it prints further lines, ${howText('later', boot.goesOn.line)}): it did not panic, so no dump was requested`,
    evidence: [oops],
  };
};

/** What is left: each has a reason, and what would decide it. */
export const undeterminedCheck: LogCheck = (facts) => {
  const { events, boot, panic, captureEntered, loaded } = facts;
  const oops = events.findLast((event) => event.type === 'oops' && event.side === 'production');
  const lockup = signatureOf(events, 'first-kernel-lockup', 'production');
  if (captureEntered !== undefined) return captureOpen(facts, captureEntered);
  if (panic !== undefined) return panicOpen(facts, panic);
  if (oops !== undefined) {
    return undetermined(
      `${boot.follows === 'nothing' ? 'log-ends' : 'reboot'}-after-oops`,
      `the kernel reported an oops, and ${endText(boot.follows)}; with panic_on_oops the crash kernel is started without a line of a panic`,
      [
        ...(loaded === undefined ? ['/sys/kernel/kexec_crash_loaded of the machine'] : []),
        'the value of kernel.panic_on_oops',
        ...AFTER_SILENCE,
      ],
      [oops],
    );
  }
  if (lockup === undefined) return undefined;
  return undetermined(
    'lockup-reported',
    `the kernel's watchdogs report CPUs or tasks that stand still, and ${endText(boot.follows)}; the reports show where they stood, not that they stood there for ever, and no panic followed`,
    [
      'a panic on the next lockup: kernel.softlockup_panic=1, kernel.hardlockup_panic=1, kernel.hung_task_panic=1',
      'a dump of the machine while it hangs: an NMI with kernel.unknown_nmi_panic=1, or virsh dump --memory-only of a guest',
    ],
    [lockup],
  );
};

/** A report about CPUs that stand still. */
function isStandstillReport(event: RunEvent): boolean {
  return (
    event.type === 'signature' && (event.name === 'first-kernel-lockup' || event.name === 'nmi-backtrace')
  );
}

/** Of two panics, the second may be that of a capture kernel which printed nothing before. */
function hasOnePanic(events: readonly RunEvent[]): boolean {
  return events.filter((event) => event.type === 'panic' && event.side === 'production').length === 1;
}

const AFTER_SILENCE = [
  'registers of all CPUs from outside (a BMC, virsh qemu-monitor-command, crashpath on the same kernel)',
  'whether there is a dump on the dump target: a capture kernel may run without printing',
];

function captureOpen(facts: LogFacts, captureEntered: RunEvent): LogFinding {
  const { events, boot, panic } = facts;
  const ended = signatureOf(events, 'kernel-ended-itself', 'capture');
  const lockup = LOCKUPS.map((name) => signatureOf(events, name, 'capture')).find(
    (event) => event !== undefined,
  );
  const target = signatureOf(events, 'dump-target-missing', 'capture');
  const evidence = [panic, captureEntered, lockup, target, ended];
  if (ended !== undefined) {
    return undetermined(
      'capture-ended',
      "the capture kernel's userspace ended it with a reboot or a power-off, and does not say whether it saved a dump",
      [
        'whether there is a dump on the dump target',
        "the capture kernel's userspace with its messages on the console",
      ],
      evidence,
    );
  }
  if (boot.follows === 'nothing') {
    return undetermined(
      'log-ends-in-capture',
      `the log ends in the capture kernel${lockup === undefined ? '' : ', which reports a lockup'}; that it hangs there is not shown`,
      ['the rest of the log', 'whether there is a dump on the dump target'],
      evidence,
    );
  }
  return undetermined(
    'reboot-in-capture',
    'another boot follows the capture kernel, and its reason is not in the log: a reset, a watchdog, a person, or the end of a dump that printed nothing',
    [
      'whether there is a dump on the dump target',
      "the BMC's event log (ipmitool sel list): who reset the machine",
    ],
    evidence,
  );
}

const LOCKUPS = ['hard-lockup', 'soft-lockup', 'rcu-stall', 'hung-task', 'workqueue-lockup'] as const;

function panicOpen({ events, boot, loaded, loadedBy }: LogFacts, panic: RunEvent): LogFinding {
  const announced = first(events, 'reboot-announced', ({ side }) => side === 'production');
  const ended = first(events, 'panic-ended', ({ side }) => side === 'production');
  const passed = announced ?? ended;
  const whether =
    loaded === undefined ? ['/sys/kernel/kexec_crash_loaded of the machine before the crash'] : [];
  if (boot.kernel === 'unknown' && loaded === undefined && passed !== undefined) {
    return undetermined(
      'which-kernel',
      'the kernel panicked and started no other; the log shows neither its command line nor "Kdump: loaded": it is a first kernel without a crash kernel, or a capture kernel',
      ['the beginning of the log, with the line "Command line:"', ...whether],
      [loadedBy, panic, passed],
    );
  }
  if (passed !== undefined) {
    return undetermined(
      announced === undefined ? 'loaded-or-not' : 'reboot-announced',
      `panic() came past the call that starts a crash kernel; ${loaded === undefined ? 'whether one was loaded is not shown' : 'that the machine rebooted is not shown'}`,
      [...whether, ...(loaded === undefined ? [] : ['the rest of the log'])],
      [loadedBy, panic, passed],
    );
  }
  if (boot.follows === 'unknown-boot') {
    return undetermined(
      'unknown-kernel-follows',
      'a kernel started behind the panic, and its command line is not in the log: it is the capture kernel (elfcorehdr=) or a reboot',
      ['the line "Command line:" of that kernel', 'whether there is a dump on the dump target'],
      [loadedBy, panic],
    );
  }
  if (boot.follows === 'boot') {
    return undetermined(
      'reboot-after-panic',
      'the next boot follows the panic, and its reason is not in the log: a reset on the crash path (a triple fault), a watchdog, a person, or the end of a dump that printed nothing',
      [
        'whether there is a dump on the dump target',
        "the BMC's event log (ipmitool sel list): who reset the machine",
        ...whether,
      ],
      [loadedBy, panic],
    );
  }
  const report = events.slice(events.indexOf(panic)).find(isStandstillReport);
  const stood =
    report === undefined
      ? ''
      : '; reports behind the panic show where CPUs stood, not that they stand there for ever';
  return undetermined(
    'log-ends-after-panic',
    `the log ends after the panic${loaded === true ? ', with a crash kernel loaded' : ''}; a log that ends is no hang${stood}`,
    [
      ...whether,
      ...(report === undefined ? [] : ['the same state made in a guest, where a hang is proved']),
      ...AFTER_SILENCE,
    ],
    [loadedBy, panic, report],
  );
}

/** Whose messages about a dump count: of a boot whose beginning is not in the log, any. */
function sideOf({ kernel }: LogFacts['boot']): 'capture' | undefined {
  return kernel === 'unknown' ? undefined : 'capture';
}

function undetermined(
  detail: string,
  explanation: string,
  decidedBy: readonly string[],
  evidence: Finding['evidence'],
): LogFinding {
  return { word: 'undetermined', detail, explanation, decidedBy, evidence };
}

function howText(how: 'later' | 'back', line: number): string {
  return how === 'later' ? `with later time stamps in line ${line}` : `in line ${line}`;
}

function endText(follows: LogFacts['boot']['follows']): string {
  return follows === 'nothing' ? 'the log ends' : 'another boot follows';
}
