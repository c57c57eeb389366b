import { writeFileScript } from '../guest/control.js';
import type { Preparation } from '../plan/scenario.js';
import type { Judged } from '../proof/proof.js';
import { proveBeforeFiring, proveMachine } from '../proof/proofs.js';
import { flipCrashImage } from './flip-crash-image.js';
import type { LiveGuest } from './live-guest.js';
import { RunEnded } from './run-watch.js';
import { guestWitness } from './witness.js';

/** A proof that can only be completed after the watch. */
export interface OpenProof {
  /** Looks again and records whether it is proved. */
  complete(): Promise<void>;
}

/**
 * Brings the guest from QEMU's start to the moment before firing: boot, arm, prepare, prove. What fails is recorded
 * and ends the run (the classifier calls it void or boot-failed). Returns the proofs that need a second look.
 */
export async function prepareGuest(guest: LiveGuest): Promise<OpenProof[]> {
  const { plan, watch } = guest;
  const hello = await watch.waitFor('hello', () => true, {
    what: "the boot to the guest init's first word",
    limitMs: plan.limits.bootMs,
  });
  if (hello?.release !== plan.kernel.release) stop(guest, 'another kernel runs than was asked for');
  if (hello?.modulesFailed !== '') stop(guest, 'modules did not load');
  const witness = guestWitness(guest);
  const require = (judged: Judged) => guest.require(judged);
  await proveMachine(plan.machine.prove ?? [], witness, require);
  if (plan.scenario.crashKernel === 'loaded') await arm(guest);
  for (const preparation of plan.scenario.prepare) await prepare(guest, preparation);
  const loaded = plan.scenario.crashKernel === 'loaded' ? '1' : '0';
  await proveMachine(
    [{ read: { path: '/sys/kernel/kexec_crash_loaded', equals: loaded } }],
    witness,
    require,
  );
  await guest.sources.start(guest);
  await guest.sources.prove(guest);
  const open = await proveBeforeFiring(plan.scenario.prove, witness, require);
  return open.map((question) => ({
    complete: async () => guest.fact({ fact: 'proof', ...(await question.lookAgain()) }),
  }));
}

function stop({ watch }: LiveGuest, why: string): never {
  watch.end(why);
  throw new RunEnded(why);
}

async function arm(guest: LiveGuest): Promise<void> {
  const { plan, watch, requests } = guest;
  guest.send(requests.arm(plan.nonce, plan.captureAppend));
  const armed = await watch.waitFor('armed', () => true, {
    what: 'kexec -p (loading the crash kernel)',
    limitMs: plan.limits.armMs,
  });
  if (armed?.armed.loaded !== true) stop(guest, 'the crash kernel was not loaded');
}

async function prepare(guest: LiveGuest, preparation: Preparation): Promise<void> {
  if ('flipCrashImage' in preparation) {
    return flipCrashImage(guest, preparation.flipCrashImage);
  }
  const [what, script] =
    'write' in preparation
      ? [`write ${preparation.write.path}`, writeFileScript(preparation.write.path, preparation.write.value)]
      : [`script ${preparation.script.slice(0, 60)}`, preparation.script];
  const { status } = await guest.ask(guest.requests.script(script), what);
  guest.fact({ fact: 'prepared', what, status });
  if (status !== 0) stop(guest, `${what} failed`);
}
