import type { OpenQuestion } from '../proof/proof.js';
import type { Guest } from './guest.js';

const CAPTURE_SIGNS = ['capture-command-line', 'jumped', 'capture-hello'] as const;
/** A capture kernel's init powers off right after its report; this allows for a slow host. */
const POWER_OFF_LIMIT_MS = 60_000;

/**
 * Follows a guest after firing, rung by rung, each within its deadline, and ends the run. With a guest that shows no
 * panic and still answers, it completes the proofs that need a second reading.
 */
export async function followGuest(
  { watch, shell }: Guest,
  openQuestions: readonly OpenQuestion[],
): Promise<void> {
  const sign = await watch.tryWaitFor(['panic', ...CAPTURE_SIGNS], () => true, 'watchMs');
  if (sign === undefined) {
    const answered = await shell.answers();
    watch.fact({ fact: 'watch-ended', answered });
    if (answered) {
      for (const question of openQuestions) watch.fact({ fact: 'proof', ...(await question.lookAgain()) });
      return watch.end('the guest is still alive');
    }
  }
  // A silent guest may still be on the crash path: a panic in NMI context can print nothing.
  await watch.waitFor(['capture-command-line', 'capture-hello'], () => true, {
    what: 'the crash path, from the panic to the capture kernel,',
    within: 'crashPathMs',
  });
  await watch.waitFor('capture-hello', () => true, {
    what: "the capture kernel's boot",
    within: 'captureBootMs',
  });
  await watch.waitFor('capture-done', () => true, {
    what: "the capture kernel's report",
    within: 'captureReportMs',
  });
  await watch.waitFor('shutdown', () => true, {
    what: "the capture kernel's power-off",
    within: POWER_OFF_LIMIT_MS,
  });
  watch.end('the capture kernel has reported');
}
