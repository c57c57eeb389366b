import { reportProofs } from '../classify/report-proofs.js';
import type { RunEvent } from '../model/event.js';
import type { OpenQuestion } from '../proof/proof.js';
import type { CaptureProof, ScenarioProof } from '../proof/proofs.js';
import { armTrigger, type Trigger } from '../trigger/triggers.js';
import { type ChoreographyRun, type DebugSession, choreograph } from './choreograph.js';
import { compareMemory } from './compare-memory.js';
import { type ExaminationNeeds, examineSuspicions } from './examine-guest.js';
import { followGuest, type OwnEnd } from './follow-guest.js';
import type { Guest } from './guest.js';
import type { KnownSymbols } from './known-symbols.js';
import { type MemoryAtJump, sumMemoryAtJump } from './memory-at-jump.js';
import { postMortem } from './post-mortem.js';
import { recordInits } from './record-inits.js';
import { watchSilentCapture } from './silent-capture.js';
import type { SourceBank } from './source-bank.js';
import { triggerTarget } from './trigger-target.js';

/** How a guest is crashed, and the proofs about the crash. */
export interface Crash {
  /** How a capture ends; see followGuest(). */
  readonly ownEnd: OwnEnd;
  readonly trigger: Trigger;
  /** Only the proofs from the console's report are judged here. */
  readonly prove: readonly ScenarioProof[];
  /** Judged by the classifier; some need a reading at the run's end. */
  readonly proveCapture: readonly CaptureProof[];
  /** For a trigger whose steps are interpreted. */
  readonly choreography: ChoreographyRun;
  /** The hardware, as far as an examination of a hang needs it. */
  readonly hardware: Pick<ExaminationNeeds, 'memory' | 'hasBusMaster'>;
  /** Of the guest, for the bound of what is compared. */
  readonly memoryMiB: number;
}

/** The state that the preparation leaves. */
export interface Prepared {
  readonly sources: SourceBank;
  readonly openQuestions: readonly OpenQuestion[];
  readonly known: KnownSymbols;
  readonly accel: 'kvm' | 'tcg';
  readonly mayBeSilent: boolean;
  /** Stops the run. */
  readonly signal: AbortSignal | undefined;
  readonly takesFiveLevels: boolean;
  /** Takes work that ends with the run, at the latest; it must have ended before the machine is closed. */
  readonly afterwards: (work: Promise<void>) => void;
}

/** Fires, and follows the guest to its end. Ends by `RunEnded`. */
export async function crashGuest(
  guest: Guest,
  crash: Crash,
  { sources, openQuestions, known, afterwards, signal, ...how }: Prepared,
): Promise<void> {
  const { watch } = guest;
  const aboutToFire = async () => {
    const isHeld = crash.trigger.kind === 'choreography' && how.accel === 'kvm';
    await guest.recordInterruptState({ lapicsOf: isHeld ? 'stop' : undefined });
    sources.firing();
  };
  let session: DebugSession | undefined;
  try {
    session = await fire(guest, crash, aboutToFire);
    await sources.fired();
    afterwards(watchSilentCapture(guest, { known, session, ...how }));
    const atJump: MemoryAtJump = { sums: undefined };
    afterwards(sumMemoryAtJump(guest, { memoryMiB: crash.memoryMiB, into: atJump, signal }));
    const stopExamining = examineSuspicions(guest, { ...crash.hardware, known, session, accel: how.accel });
    try {
      await followGuest(guest, openQuestions, crash.ownEnd);
    } finally {
      await stopExamining();
      await lastReport(guest);
      await compareMemory(guest, { memoryMiB: crash.memoryMiB, atJump: atJump.sums, signal });
    }
  } finally {
    await lastReport(guest);
    // A distribution resets its machine at the end of a capture, which is nothing to explain.
    if (!hasEnded(crash, guest)) await postMortem(guest, { known, session, ...how });
    await recordInits(guest, { asked: crash.proveCapture.some((proof) => 'inits' in proof) });
    // The console is complete only now, and what it did not show was read from memory.
    for (const fact of reportProofs(crash, watch.events)) watch.fact(fact);
  }
}

/** Whether a distribution's capture kernel came up and ended its machine. */
function hasEnded({ ownEnd }: Crash, { watch: { events } }: Guest): boolean {
  const entered = events.findIndex(({ type }) => type === 'capture-command-line');
  const isEnd = (event: RunEvent) => event.type === 'shutdown' && event.byGuest;
  return ownEnd === 'shutdown' && entered >= 0 && events.slice(entered).some(isEnd);
}

async function fire(
  guest: Guest,
  { trigger, choreography }: Crash,
  aboutToFire: () => Promise<void>,
): Promise<DebugSession | undefined> {
  if (trigger.kind === 'choreography')
    return choreograph(trigger.steps, guest, { ...choreography, aboutToFire });
  const armed = await armTrigger(trigger, triggerTarget(guest));
  await aboutToFire();
  await armed();
  return undefined;
}

/** QEMU's event of a guest's end may overtake the guest's report. */
async function lastReport(guest: Guest): Promise<void> {
  if (guest.watch.events.some(({ type }) => type === 'shutdown')) await guest.lastBytes();
}
