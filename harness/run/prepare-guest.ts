import { type CrashLoad, writeFileScript } from '../guest/control.js';
import { renamed } from '../classify/renamed.js';
import { escapeGuestText } from '../model/escape.js';
import { judgeReservation } from '../plan/reservation.js';
import type { Preparation } from '../plan/scenario.js';
import type { OpenQuestion } from '../proof/proof.js';
import { flipCrashImage } from './flip-crash-image.js';
import type { Guest } from './guest.js';
import type { GuestQuestions } from './guest-questions.js';
import { plugCpus, plugMemory } from './plug.js';
import type { KnownSymbols } from './known-symbols.js';
import type { SourceBank } from './source-bank.js';

/** How a crash kernel is loaded. */
export interface CrashKernel extends CrashLoad {
  /** Undefined in a template of clones, each of which takes one of its own. */
  readonly nonce: string | undefined;
  /** The command line of the first kernel, which has the reservation. */
  readonly firstAppend: string;
}

/**
 * Boots the guest from the machine's start and loads its crash kernel, where it has one. `release`: of the requested
 * kernel. A failure is recorded and ends the run (as void or boot-failed).
 */
export async function bootGuest(
  guest: Guest,
  {
    release,
    beforeLoading = [],
    crashKernel,
  }: {
    readonly release: string;
    /** Steps before the crash kernel is loaded. */
    readonly beforeLoading?: readonly Preparation[];
    readonly crashKernel: CrashKernel | undefined;
  },
  { questions, symbols }: { questions: GuestQuestions; symbols: Pick<KnownSymbols, 'prepare'> },
): Promise<void> {
  const { watch, shell } = guest;
  const hello = await watch.waitFor('hello', () => true, {
    what: "the boot to the guest init's first word",
    within: 'bootMs',
    whileProgress: true,
  });
  if (hello.release !== release) watch.stop('another kernel runs than was asked for');
  if (hello.modulesFailed !== '') watch.stop('modules did not load');
  await questions.askMachine();
  for (const step of beforeLoading) await prepare(guest, step);
  if (crashKernel !== undefined) {
    const { armed } = await shell.arm(crashKernel.nonce, crashKernel);
    if (!armed.loaded) watch.stop('the crash kernel was not loaded');
    watch.require(judgeReservation(crashKernel.firstAppend, armed));
  }
  await symbols.prepare();
}

/**
 * Gives a clone of a template a nonce and random numbers of its own, and reads again what is loaded, where a crash kernel
 * is.
 */
export async function markClone(
  { watch, shell }: Guest,
  { nonce, firstAppend, isArmed }: { nonce: string; firstAppend: string; isArmed: boolean },
): Promise<void> {
  if (!isArmed) return shell.vary(nonce);
  const { armed } = await shell.mark(nonce);
  if (!armed.loaded) watch.stop('the crash kernel is not loaded in the clone');
  watch.require(judgeReservation(firstAppend, armed));
}

/**
 * Brings an armed guest to the moment before firing: prepare, prove. A failure is recorded and ends the run (as void).
 * Returns the proofs that need a second reading.
 */
export async function prepareGuest(
  guest: Guest,
  steps: readonly Preparation[],
  {
    questions,
    sources,
    requireSymbols,
  }: {
    readonly questions: GuestQuestions;
    readonly sources: SourceBank;
    /** Ends the run unless the kernel has the functions and variables that the scenario names. */
    readonly requireSymbols: () => Promise<void>;
  },
): Promise<readonly OpenQuestion[]> {
  const { watch } = guest;
  for (const step of steps) await prepare(guest, step);
  // Before anything that takes long: a missing function makes all of it useless.
  await requireSymbols();
  await questions.askCrashKernel();
  if (renamed(watch.events) !== undefined) watch.stop('the preparation changed the host name');
  await sources.start();
  return questions.askScenario();
}

/** What distributions say of their loaded crash kernel: kdump-tools and kdump-utils. */
const ASK_SERVICE =
  'if command -v kdump-config >/dev/null; then kdump-config show; else kdumpctl status; fi 2>&1';
/** kdump-tools 1:1.8.1, kdump_show(); kdump-utils 1.0, kdumpctl, status(). */
const IS_READY = /current state: +ready to kdump|Kdump is operational/;

/** That the distribution's own service says that its crash kernel is loaded; its words are the evidence. */
export async function askKdumpService({ watch, shell }: Guest): Promise<void> {
  const what = "the distribution's kdump service is ready";
  const { output } = await shell.run(ASK_SERVICE, what);
  const said = output
    .split('\n')
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .filter((line) => line !== '');
  watch.require({ what, proved: IS_READY.test(output), saw: escapeGuestText(said.join(' | '), 1000) });
}

/** Lines of a failed preparation's output that are kept: the last ones, where a shell complains. */
const MOST_LINES = 3;

async function prepare(guest: Guest, preparation: Preparation): Promise<void> {
  if ('flipCrashImage' in preparation) return flipCrashImage(guest, preparation.flipCrashImage);
  if ('plugCpus' in preparation) return plugCpus(guest, preparation.plugCpus);
  if ('plugMemory' in preparation) return plugMemory(guest, preparation.plugMemory);
  const { shell, watch } = guest;
  const [what, script] =
    'write' in preparation
      ? [`write ${preparation.write.path}`, writeFileScript(preparation.write.path, preparation.write.value)]
      : [`script ${preparation.script.slice(0, 60)}`, preparation.script];
  const { status, output } = await shell.run(script, what);
  const said = output.trim().split('\n').slice(-MOST_LINES).join(' | ');
  watch.fact({ fact: 'prepared', what, status, ...(status === 0 || said === '' ? {} : { said }) });
  if (status !== 0) watch.stop(`${what} failed`);
}
