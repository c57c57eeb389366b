import { stacksOf } from '../autopsy/stacks.js';
import { reportProofs } from '../classify/report-proofs.js';
import { MachineFailure, MissingAbility, need } from '../machine/machine.js';
import type { OpenQuestion } from '../proof/proof.js';
import type { ScenarioProof } from '../proof/proofs.js';
import { armTrigger, type Trigger } from '../trigger/triggers.js';
import { type ChoreographyRun, type DebugSession, choreograph } from './choreograph.js';
import { compareMemory } from './compare-memory.js';
import { followGuest } from './follow-guest.js';
import type { Guest } from './guest.js';
import type { SourceBank } from './source-bank.js';
import { triggerTarget } from './trigger-target.js';

/** How a guest is crashed, and the proofs about the crash. */
export interface Crash {
  readonly trigger: Trigger;
  /** Only the proofs from the console's report are judged here. */
  readonly prove: readonly ScenarioProof[];
  /** For a trigger whose steps are interpreted. */
  readonly choreography: ChoreographyRun;
  /** Of the guest, for the bound of what is compared. */
  readonly memoryMiB: number;
}

/** The state that the preparation leaves. */
export interface Prepared {
  readonly sources: SourceBank;
  readonly openQuestions: readonly OpenQuestion[];
}

/** Fires, and follows the guest to its end. Ends by `RunEnded`. */
export async function crashGuest(
  guest: Guest,
  crash: Crash,
  { sources, openQuestions }: Prepared,
): Promise<void> {
  const { watch } = guest;
  const aboutToFire = async () => {
    await guest.recordInterruptState();
    sources.firing();
  };
  try {
    const session = await fire(guest, crash, aboutToFire);
    await sources.fired();
    try {
      await followGuest(guest, openQuestions);
    } finally {
      await compareMemory(guest, crash.memoryMiB);
      if (session !== undefined) await examine(session, guest);
    }
  } finally {
    // The console is complete only now.
    for (const fact of reportProofs(crash, watch.events)) watch.fact(fact);
  }
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

/** Records the stacks and interrupt controllers of a hung guest; the controllers' texts are in the QMP log. */
async function examine({ gdb, symbols, sameImage }: DebugSession, { watch, machine }: Guest): Promise<void> {
  if (watch.events.some(({ type }) => type === 'shutdown' || type === 'capture-done')) return;
  const armed = watch.events.findLast((event) => event.type === 'armed')?.armed;
  try {
    const monitor = need(machine, 'monitor');
    const registersText = () => monitor.registers();
    for (const fact of await stacksOf({ gdb, symbols, armed, sameImage, registersText })) watch.fact(fact);
    await monitor.irqchips();
    await monitor.interruptCounts();
    for (const vcpu of gdb.vcpus) await monitor.lapic(vcpu);
  } catch (error) {
    // A machine that is gone, or lacks the ability, leaves no facts.
    if (!(error instanceof MachineFailure || error instanceof MissingAbility)) throw error;
  }
}
