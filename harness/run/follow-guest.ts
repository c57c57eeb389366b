import { refutedEvents } from '../classify/standing.js';
import type { RunEvent } from '../model/event.js';
import type { OpenQuestion } from '../proof/proof.js';
import { isOpen } from '../timeline/progress.js';
import type { Guest } from './guest.js';

const CAPTURE_SIGNS = ['capture-command-line', 'jumped', 'capture-hello'] as const;
/** The vCPUs' page tables, and the capture kernel's own report: no line of a console, which anybody can print. */
const CAPTURE_PROOFS = ['jumped', 'capture-hello'] as const;
/** A guest that has ended in panic() switches its interrupts on by then. */
const AFTER_MARK_MS = 2_000;
const LOOK_EVERY_MS = 500;

/** How a capture ends: crashpath's own image reports first, a distribution only resets its machine. */
export type OwnEnd = 'report' | 'shutdown';

/**
 * Follows a guest after firing, rung by rung, each within its deadline, and ends the run. With a guest that lives on, it
 * completes the proofs that need a second reading.
 */
export async function followGuest(
  guest: Guest,
  openQuestions: readonly OpenQuestion[],
  ownEnd: OwnEnd = 'report',
): Promise<void> {
  const { watch, shell } = guest;
  const livesOn = async () => {
    for (const question of openQuestions) watch.fact({ fact: 'proof', ...(await question.lookAgain()) });
    watch.end('the guest is still alive');
  };
  // Lines that were printed before the guest's last answer are quotations.
  const refuted = refutedEvents(watch.events);
  const stands = (event: RunEvent) => !refuted.has(event);
  const sign = await watch.tryWaitFor(['panic', ...CAPTURE_SIGNS], stands, 'watchMs');
  if (sign === undefined) {
    const answered = await shell.answers();
    watch.fact({ fact: 'watch-ended', answered });
    if (answered) return livesOn();
  }
  // A silent guest may still be on the crash path: a panic in NMI context can print nothing.
  const crossing = watch.waitFor(['capture-command-line', 'capture-hello'], stands, {
    what: 'the crash path, from the panic to the capture kernel,',
    within: 'crashPathMs',
    whileProgress: true,
  });
  const asking = answersAfterPanic(guest, stands).then((answered) => (answered ? livesOn() : undefined));
  await Promise.race([crossing, asking.then(() => crossing)]);
  if (ownEnd === 'shutdown') {
    await watch.waitFor('shutdown', () => true, {
      what: "the distribution's dump and reset",
      within: 'captureBootMs',
      whileProgress: true,
    });
    watch.end('the distribution has ended its machine');
    return;
  }
  await watch.waitFor('capture-hello', () => true, {
    what: "the capture kernel's boot",
    within: 'captureBootMs',
    whileProgress: true,
  });
  await watch.waitFor('capture-done', () => true, {
    what: "the capture kernel's report",
    within: 'captureReportMs',
    whileProgress: true,
  });
  await watch.waitFor('shutdown', () => true, {
    what: "the capture kernel's power-off",
    within: 'powerOffMs',
    whileProgress: true,
  });
  watch.end('the capture kernel has reported');
}

/**
 * Asks a guest that printed the first line of a panic, or that of a capture kernel, whether it lives on, until it
 * answers or the capture kernel is proved to run. Anybody can print those lines. An answer counts only from a guest of
 * which no vCPU stands still with interrupts off: the others may run on while one is stuck in panic(). A guest that
 * takes no interrupts cannot answer, and is left alone. The end mark of a panic ends the run, unless the guest answers
 * then, or a capture kernel shows up meanwhile. panic() switches interrupts on right behind it (kernel/panic.c, v2.6.12
 * to v6.12): from a guest that does not take any, the mark is a quotation.
 */
async function answersAfterPanic(
  { watch, shell, machine }: Guest,
  stands: (event: RunEvent) => boolean,
): Promise<boolean> {
  // Without samples, the console is all that tells of a capture kernel early.
  const proofs = machine.abilities.monitor === undefined ? CAPTURE_SIGNS : CAPTURE_PROOFS;
  if ((await watch.tryWaitFor(['panic', ...CAPTURE_SIGNS], stands, 'totalMs')) === undefined) return false;
  const marks = new Set<RunEvent>();
  for (;;) {
    const sign = await watch.tryWaitFor(
      [...proofs, 'panic-ended'],
      (event) => !marks.has(event),
      'askAgainMs',
    );
    if (sign !== undefined && sign.type !== 'panic-ended') return false;
    if (sign !== undefined) {
      marks.add(sign);
      if ((await watch.tryWaitFor(proofs, () => true, AFTER_MARK_MS)) !== undefined) return false;
    }
    const answers = watch.takesInterrupts && (await shell.answers('askAgainMs')) && !(await isStuck(watch));
    if (answers) {
      watch.fact({ fact: 'watch-ended', answered: true, afterPanic: true });
      return true;
    }
    if (marks.size > 0 && watch.takesInterrupts && !watch.events.some((event) => isOneOf(event, proofs))) {
      watch.fact({ fact: 'watch-ended', answered: false, afterPanic: true });
      watch.stop('the panic has ended');
    }
  }
}

function isOneOf({ type }: RunEvent, types: readonly RunEvent['type'][]): boolean {
  return types.includes(type);
}

/**
 * Whether a vCPU is stuck in the first kernel. Where samples come once every few seconds, a few more of them tell it about
 * those that have their interrupts off now; another one may have them off for a moment in any sample.
 */
async function isStuck(watch: Guest['watch']): Promise<boolean> {
  const now = watch.offStreaks;
  const isUndecided = () =>
    watch.offStreaks.some(
      (streak) =>
        isOpen(streak) &&
        now.some(({ index, sinceMs }) => index === streak.index && sinceMs === streak.sinceMs),
    );
  while (isUndecided()) await watch.tryWaitFor([...CAPTURE_SIGNS], () => false, LOOK_EVERY_MS);
  return watch.stuckVcpus.length > 0;
}
