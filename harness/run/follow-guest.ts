import type { OpenQuestion } from '../proof/proof.js';
import { isOpen } from '../timeline/progress.js';
import type { Guest } from './guest.js';

const CAPTURE_SIGNS = ['capture-command-line', 'jumped', 'capture-hello'] as const;
const LOOK_EVERY_MS = 500;

/**
 * Follows a guest after firing, rung by rung, each within its deadline, and ends the run. With a guest that lives on, it
 * completes the proofs that need a second reading.
 */
export async function followGuest(guest: Guest, openQuestions: readonly OpenQuestion[]): Promise<void> {
  const { watch, shell } = guest;
  const livesOn = async () => {
    for (const question of openQuestions) watch.fact({ fact: 'proof', ...(await question.lookAgain()) });
    watch.end('the guest is still alive');
  };
  const sign = await watch.tryWaitFor(['panic', ...CAPTURE_SIGNS], () => true, 'watchMs');
  if (sign === undefined) {
    const answered = await shell.answers();
    watch.fact({ fact: 'watch-ended', answered });
    if (answered) return livesOn();
  }
  // A silent guest may still be on the crash path: a panic in NMI context can print nothing.
  const crossing = watch.waitFor(['capture-command-line', 'capture-hello'], () => true, {
    what: 'the crash path, from the panic to the capture kernel,',
    within: 'crashPathMs',
    whileProgress: true,
  });
  const asking = answersAfterPanic(guest).then((answered) => (answered ? livesOn() : undefined));
  await Promise.race([crossing, asking.then(() => crossing)]);
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
  });
  watch.end('the capture kernel has reported');
}

/**
 * Asks a guest that printed the first line of a panic whether it lives on, until it answers or a capture kernel shows
 * up. Anybody can print that line. An answer counts only from a guest of which no vCPU stands still with interrupts
 * off: the others may run on while one is stuck in panic(). A guest that takes no interrupts cannot answer, and is left
 * alone. The end mark of a panic (kernel/panic.c, panic(), v6.1) ends the run, unless the guest answers then.
 */
async function answersAfterPanic({ watch, shell }: Guest): Promise<boolean> {
  if ((await watch.tryWaitFor('panic', () => true, 'totalMs')) === undefined) return false;
  for (;;) {
    const sign = await watch.tryWaitFor([...CAPTURE_SIGNS, 'panic-ended'], () => true, 'askAgainMs');
    if (sign !== undefined && sign.type !== 'panic-ended') return false;
    const answers = watch.takesInterrupts && (await shell.answers('askAgainMs')) && !(await isStuck(watch));
    if (answers) {
      watch.fact({ fact: 'watch-ended', answered: true, afterPanic: true });
      return true;
    }
    if (sign !== undefined) watch.stop('the panic has ended');
  }
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
