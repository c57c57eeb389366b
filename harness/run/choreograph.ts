import type { ChoreographyContext } from '../choreo/context.js';
import { NotReached } from '../choreo/not-reached.js';
import { refreshHeld } from '../choreo/refresh-held.js';
import { runChoreography } from '../choreo/run-choreography.js';
import type { Debugger } from '../machine/debugger.js';
import { need } from '../machine/machine.js';
import type { PinName } from '../proof/names.js';
import type { SymbolTable } from '../symbols/index.js';
import type { Step } from '../trigger/choreography-steps.js';
import { startStimulus } from '../trigger/guest-script.js';
import type { Guest } from './guest.js';
import type { KernelSymbols } from './kernel-symbols.js';
import { RunEnded } from './event-waits.js';
import { triggerTarget } from './trigger-target.js';

/** A source sends at least once in ten seconds (plan/source.ts), most of them thousands of times. */
const SOURCES_WITHIN_MS = 12_000;

/** The debugger on a guest, and the guest's symbols. */
export interface DebugSession {
  readonly gdb: Debugger;
  readonly symbols: SymbolTable;
}

/** The inputs of a choreography besides its steps. */
export interface ChoreographyRun extends Pick<ChoreographyContext, 'trial' | 'deadlineScale' | 'runName'> {
  /** Interrupt sources outside the guest run meanwhile. */
  readonly hasSources: boolean;
  readonly accel: 'kvm' | 'tcg';
  readonly symbols: KernelSymbols;
}

/**
 * Runs the scenario's script on the guest. A state that is not reached ends the run (void); a failure of the debugger
 * is a harness fault. `aboutToFire` is called with all vCPUs stopped, right before one is fired. The session stays
 * open, for the autopsy.
 */
export async function choreograph(
  steps: readonly Step[],
  guest: Guest,
  {
    hasSources,
    accel,
    symbols: readSymbols,
    aboutToFire,
    ...run
  }: ChoreographyRun & { readonly aboutToFire: () => Promise<void> },
): Promise<DebugSession> {
  const { machine, watch } = guest;
  need(machine, 'debugger');
  const symbols = await readSymbols();
  // The shell cannot run while vCPUs are held, so the stimuli are started first.
  const stimuli = steps.flatMap((step) => ('stimulate' in step ? [step.stimulate.script] : []));
  for (const script of stimuli) await startStimulus(script, triggerTarget(guest));
  const pinOf = await guest.findPins(pinsIn(steps));
  const gdb = await guest.debugger();
  const context: ChoreographyContext = {
    ...run,
    gdb,
    symbols,
    nowMs: () => watch.ownMs(),
    vcpuRegisters: () => guest.registers(),
    async interrupt(vcpu, message) {
      const interrupts = need(machine, 'interrupts');
      await interrupts.send([{ vcpu, message }]);
      return interrupts.apicIdOf(vcpu);
    },
    irqchips: () => guest.irqchips(),
    async lapic(vcpu) {
      if (accel === 'kvm') await refreshHeld(vcpu, { gdb, registers: await guest.registers() });
      return guest.lapic(vcpu);
    },
    pinOf,
    sourcesWithinMs: hasSources ? SOURCES_WITHIN_MS * run.deadlineScale : 0,
    firing: aboutToFire,
    fact: (fact) => watch.fact(fact),
  };
  try {
    // A wait of the debugger does not end with the run.
    guest.held = await watch.orEnded(runChoreography(steps, context));
  } catch (error) {
    if (watch.ended !== undefined) throw new RunEnded(watch.ended);
    if (error instanceof NotReached) watch.stop(error.message);
    throw error;
  }
  return { gdb, symbols };
}

function pinsIn(steps: readonly Step[]): PinName[] {
  return steps.flatMap((step) => ('prove' in step && 'pin' in step.prove ? [step.prove.pin] : []));
}
