import type { RunEvent } from '../model/event.js';
import type { Finding } from './facts.js';
import { type LogFacts, signatureOf } from './log-boot.js';
import { first } from './phases.js';

/** What a log proves of a crash, or why it proves nothing and what would decide it. */
export type LogFinding =
  | Finding
  | (Omit<Finding, 'word'> & {
      readonly word: 'undetermined';
      /** What would decide it, one sentence each. */
      readonly toDecide: readonly string[];
    });

/** One question about a log; undefined when it does not apply. */
export type LogCheck = (facts: LogFacts) => LogFinding | undefined;

/** What is left: each has a reason, and what would decide it. */
export const undeterminedCheck: LogCheck = (facts) => {
  const { events, boot, panic, captureEntered, loaded } = facts;
  const oops = events.findLast((event) => event.type === 'oops' && event.side === 'production');
  const lockup = signatureOf(events, 'first-kernel-lockup', 'production');
  if (captureEntered !== undefined) return captureOpen(facts, captureEntered);
  if (panic !== undefined) return panicOpen(facts, panic);
  if (oops !== undefined && boot.goesOn !== undefined) {
    return undetermined(
      'goes-on-after-oops',
      `the kernel reported an oops, and the log goes on in line ${boot.goesOn.line}: it lived on, or a kernel that prints little was started`,
      ['the value of kernel.panic_on_oops', 'whether there is a dump on the dump target'],
      [oops],
    );
  }
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

/** A finding that proves nothing: its reason, and what would decide it. */
export function undetermined(
  detail: string,
  explanation: string,
  toDecide: readonly string[],
  evidence: Finding['evidence'],
): LogFinding {
  return { word: 'undetermined', detail, explanation, toDecide, evidence };
}

function endText(follows: LogFacts['boot']['follows']): string {
  return follows === 'nothing' ? 'the log ends' : 'another boot follows';
}
