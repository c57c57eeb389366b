import type { ChoreographyContext } from '../choreo/context.js';
import { NotReached } from '../choreo/not-reached.js';
import { runChoreography } from '../choreo/run-choreography.js';
import { readRegisters } from '../hmp/registers.js';
import { probeKallsyms, readKallsyms, type RunScript } from '../guest/kallsyms.js';
import { keepSymbols, readCachedSymbols } from '../guest/symbol-cache.js';
import type { Step } from '../trigger/choreography-steps.js';
import type { PinName } from '../proof/names.js';
import type { GdbClient } from '../qemu/gdbstub/index.js';
import {
  parseKallsyms,
  PROBE_SYMBOLS,
  relocateKallsyms,
  type SymbolTable,
  withoutModules,
} from '../symbols/index.js';
import { startStimulus } from '../trigger/stimulus.js';
import { findPins, readGuestLapic, readGuestIrqchips, recordInterruptState } from './irqchips.js';
import type { LiveGuest } from './live-guest.js';
import { RunEnded } from './run-watch.js';

/** A source sends at least once in ten seconds (plan/source.ts), most of them thousands of times. */
const SOURCES_WITHIN_MS = 12_000;

/** The debugger on a guest, and the names in it. */
export interface DebugSession {
  readonly gdb: GdbClient;
  readonly symbols: SymbolTable;
}

/**
 * Runs the scenario's script on the guest. A state that is not reached ends the run (void); a gdbstub that fails
 * is the harness's fault. The session stays open, for the autopsy.
 */
export async function choreograph(steps: readonly Step[], guest: LiveGuest): Promise<DebugSession> {
  const { watch } = guest;
  const symbols = await symbolsOf(guest);
  // The shell cannot run while vCPUs are held: what it is asked to start is started first.
  const stimuli = steps.flatMap((step) => ('stimulate' in step ? [step.stimulate.script] : []));
  for (const script of stimuli) await startStimulus(script, guest);
  const pinOf = await findPins(guest, pinsIn(steps));
  const gdb = await guest.connectDebugger();
  const context: ChoreographyContext = {
    gdb,
    symbols,
    trial: guest.plan.trial,
    deadlineScale: guest.plan.timeoutScale,
    runName: guest.plan.runId,
    vcpuRegisters: async () => readRegisters(await guest.monitor('info registers -a')),
    interrupt: async (vcpu, message) => (await guest.messenger()).send(vcpu, message),
    irqchips: () => readGuestIrqchips(guest),
    lapic: (vcpu) => readGuestLapic(guest, vcpu),
    pinOf,
    sourcesWithinMs: guest.plan.scenario.sources.length === 0 ? 0 : SOURCES_WITHIN_MS,
    firing: async () => {
      await recordInterruptState(guest);
      guest.sources.firing();
    },
    fact: (fact) => watch.fact(fact),
  };
  try {
    // A debugger that waits for the guest does not hear that the run has ended.
    await watch.orEnded(runChoreography(steps, context));
  } catch (error) {
    if (watch.ended !== undefined) throw new RunEnded(watch.ended);
    if (error instanceof NotReached) return stop(guest, error.message);
    throw error;
  }
  return { gdb, symbols };
}

function pinsIn(steps: readonly Step[]): PinName[] {
  return steps.flatMap((step) => ('prove' in step && 'pin' in step.prove ? [step.prove.pin] : []));
}

/** The names of the kernel that runs, which are recorded as a proof; without them the run ends, void. */
export async function symbolsOf(guest: LiveGuest): Promise<SymbolTable> {
  const text = await kallsymsOf(guest);
  const parsed = text === undefined ? undefined : parseKallsyms(text);
  const what = 'symbols of the running kernel';
  if (parsed?.kind === 'symbols') {
    guest.fact({ fact: 'proof', what, proved: true, saw: `${parsed.table.size} symbols` });
    return parsed.table;
  }
  const saw = parsed === undefined ? 'no /proc/kallsyms (CONFIG_KALLSYMS)' : `kallsyms is ${parsed.kind}`;
  guest.fact({ fact: 'proof', what, proved: false, saw });
  return stop(guest, saw);
}

/** The text of /proc/kallsyms: that of an earlier boot of the same image, moved, or read anew. */
async function kallsymsOf(guest: LiveGuest): Promise<string | undefined> {
  const run: RunScript = async (script, what) => {
    const { status, output } = await guest.ask(guest.requests.script(script), what);
    return status === 0 ? Buffer.from(output, 'latin1') : undefined;
  };
  const { cacheDir, plan } = guest;
  // Modules are elsewhere at each boot, and not in what is kept.
  if (cacheDir === undefined || plan.modules.length > 0) return readKallsyms(run);
  const kept = await readCachedSymbols(cacheDir, plan.kernel.sha256);
  if (kept !== undefined) {
    const moved = relocateKallsyms(kept, (await probeKallsyms(run, PROBE_SYMBOLS)) ?? '');
    if (moved !== undefined) return moved;
  }
  const text = await readKallsyms(run);
  if (text !== undefined) await keepSymbols(cacheDir, plan.kernel.sha256, withoutModules(text));
  return text;
}

function stop({ watch }: LiveGuest, why: string): never {
  watch.end(why);
  throw new RunEnded(why);
}
