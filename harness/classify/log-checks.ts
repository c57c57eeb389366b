import type { RunEvent } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import { capturePanicCheck, panicReason } from './capture-panic-check.js';
import { neverJumped, noCrashKernelCheck } from './end-checks.js';
import { type LogFacts, signatureOf } from './log-boot.js';
import { type LogCheck, undetermined } from './log-undetermined.js';
import { first } from './phases.js';
import { resetCheck } from './reset-check.js';

/** Panics that a kernel has before it starts its init (init/main.c, arch/x86/kernel/apic/io_apic.c, v6.1). */
const BOOT_REASONS: ReadonlySet<string> = new Set(['no-init', 'timer-check-failed', 'too-many-boot-words']);

/** A capture kernel prints something before its clock is that late. */
const EARLY_MS = 60_000;

/** kexec-tools' purgatory found the crash image changed, and loops for ever behind that message. */
export const purgatoryDigestCheck: LogCheck = ({ boot, events, panic }) => {
  const digest = signatureOf(events, 'purgatory-digest');
  // Without a crash before, it is the purgatory of a kexec -e, or a text.
  const crash = panic ?? events.find(({ type }) => type === 'oops');
  if (digest === undefined || crash === undefined || boot.goesOn !== undefined) return undefined;
  if (events.indexOf(crash) > events.indexOf(digest)) return undefined;
  return {
    word: 'purgatory-hang',
    detail: 'digest-mismatch',
    explanation:
      'purgatory refused the crash image: its SHA-256 is not the one of the loading; purgatory loops for ever behind that message (kexec-tools, purgatory/purgatory.c)',
    evidence: [crash, digest],
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
export const livedOnCheck: LogCheck = ({ events, boot, panic, loaded, captureEntered }) => {
  const oops = events.findLast((event) => event.type === 'oops' && event.side === 'production');
  if (oops === undefined || panic !== undefined || captureEntered !== undefined) return undefined;
  if (boot.goesOn?.how !== 'later' || boot.kernel === 'capture') return undefined;
  // So early, a capture kernel that prints nothing at first has the same time stamps.
  if (loaded !== false && boot.goesOn.endMs < EARLY_MS) return undefined;
  return {
    word: 'no-panic',
    detail: 'lived-on',
    explanation: `the kernel reported an oops and lived on (it prints further lines, ${howText('later', boot.goesOn.line)}): it did not panic, so no dump was requested`,
    evidence: [oops],
  };
};

/** Of two panics, the second may be that of a capture kernel which printed nothing before. */
function hasOnePanic(events: readonly RunEvent[]): boolean {
  return events.filter((event) => event.type === 'panic' && event.side === 'production').length === 1;
}

/** Whose messages about a dump count: of a boot whose beginning is not in the log, any. */
function sideOf({ kernel }: LogFacts['boot']): 'capture' | undefined {
  return kernel === 'unknown' ? undefined : 'capture';
}

function howText(how: 'later' | 'back', line: number): string {
  return how === 'later' ? `with later time stamps in line ${line}` : `in line ${line}`;
}
