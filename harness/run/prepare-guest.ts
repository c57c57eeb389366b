import { writeFileScript } from '../guest/control.js';
import type { Preparation } from '../plan/scenario.js';
import type { OpenQuestion } from '../proof/proof.js';
import { type MachineClaim, proveBeforeFiring, proveMachine, type ScenarioProof } from '../proof/proofs.js';
import { flipCrashImage } from './flip-crash-image.js';
import type { Guest } from './guest.js';
import type { SourceBank } from './source-bank.js';
import { guestWitness } from './witness.js';

/** The state that a guest is brought to. */
export interface WantedState {
  /** Of the kernel that was asked for. */
  readonly release: string;
  readonly cpus: number;
  /** What the machine's profile claims. */
  readonly claims: readonly MachineClaim[];
  /** How the crash kernel is loaded; undefined: not at all. */
  readonly crashKernel: { readonly nonce: string; readonly append: string } | undefined;
  readonly preparations: readonly Preparation[];
  readonly proofs: readonly ScenarioProof[];
}

/**
 * Brings the guest from the machine's start to the moment before firing: boot, arm, prepare, prove. What fails is
 * recorded and ends the run (the classifier calls it void or boot-failed). Returns the proofs that need a second look.
 */
export async function prepareGuest(
  guest: Guest,
  wanted: WantedState,
  sources: SourceBank,
): Promise<readonly OpenQuestion[]> {
  const { watch, shell } = guest;
  const hello = await watch.waitFor('hello', () => true, {
    what: "the boot to the guest init's first word",
    within: 'bootMs',
  });
  if (hello.release !== wanted.release) watch.stop('another kernel runs than was asked for');
  if (hello.modulesFailed !== '') watch.stop('modules did not load');
  const witness = guestWitness(guest, wanted.cpus);
  await proveMachine(wanted.claims, witness, (judged) => watch.require(judged));
  if (wanted.crashKernel !== undefined) {
    const { armed } = await shell.arm(wanted.crashKernel.nonce, wanted.crashKernel.append);
    if (!armed.loaded) watch.stop('the crash kernel was not loaded');
  }
  for (const preparation of wanted.preparations) await prepare(guest, preparation);
  const loaded = wanted.crashKernel === undefined ? '0' : '1';
  await proveMachine(
    [{ read: { path: '/sys/kernel/kexec_crash_loaded', equals: loaded } }],
    witness,
    (judged) => watch.require(judged),
  );
  await sources.start();
  return proveBeforeFiring(wanted.proofs, witness, (judged) => watch.require(judged));
}

async function prepare(guest: Guest, preparation: Preparation): Promise<void> {
  if ('flipCrashImage' in preparation) return flipCrashImage(guest, preparation.flipCrashImage);
  const { shell, watch } = guest;
  const [what, script] =
    'write' in preparation
      ? [`write ${preparation.write.path}`, writeFileScript(preparation.write.path, preparation.write.value)]
      : [`script ${preparation.script.slice(0, 60)}`, preparation.script];
  const { status } = await shell.run(script, what);
  watch.fact({ fact: 'prepared', what, status });
  if (status !== 0) watch.stop(`${what} failed`);
}
