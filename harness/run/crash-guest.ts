import { stacksOf } from '../autopsy/stacks.js';
import { reportProofs } from '../classify/report-proofs.js';
import { MachineFailure, MissingAbility, need } from '../machine/machine.js';
import type { OpenQuestion } from '../proof/proof.js';
import type { ScenarioProof } from '../proof/proofs.js';
import { armTrigger, type Trigger } from '../trigger/triggers.js';
import { type ChoreographyRun, type DebugSession, choreograph } from './choreograph.js';
import { followGuest } from './follow-guest.js';
import type { Guest } from './guest.js';
import type { SourceBank } from './source-bank.js';
import { triggerTarget } from './trigger-target.js';

/** How a guest is crashed, and what is to be seen of it. */
export interface Crash {
  readonly trigger: Trigger;
  /** Those that only the console's report can show are judged from it. */
  readonly prove: readonly ScenarioProof[];
  /** For a trigger whose steps are interpreted. */
  readonly choreography: ChoreographyRun;
}

/** What the preparation has left open. */
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
      if (session !== undefined) await examine(session, guest);
    }
  } finally {
    // Only now has the console said all that it will say.
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

/** What a guest that got stuck still says: its stacks and its interrupt controllers, whose texts stay in the QMP log. */
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
    // A machine that is gone or shows less says nothing more.
    if (!(error instanceof MachineFailure || error instanceof MissingAbility)) throw error;
  }
}
