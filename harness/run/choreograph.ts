import type { ChoreographyContext } from '../choreo/context.js';
import { NotReached } from '../choreo/not-reached.js';
import { runChoreography } from '../choreo/run-choreography.js';
import { probeKallsyms, readKallsyms, type RunScript } from '../guest/kallsyms.js';
import { keepSymbols, readCachedSymbols } from '../guest/symbol-cache.js';
import type { Debugger } from '../machine/debugger.js';
import { need } from '../machine/machine.js';
import type { PinName } from '../proof/names.js';
import {
  parseKallsyms,
  PROBE_SYMBOLS,
  relocateKallsyms,
  type SymbolTable,
  withoutModules,
} from '../symbols/index.js';
import type { Step } from '../trigger/choreography-steps.js';
import { startStimulus } from '../trigger/stimulus.js';
import type { Guest } from './guest.js';
import { RunEnded } from './run-watch.js';
import { triggerTarget } from './trigger-target.js';

/** A source sends at least once in ten seconds (plan/source.ts), most of them thousands of times. */
const SOURCES_WITHIN_MS = 12_000;

/** The debugger on a guest, and the names in it. */
export interface DebugSession {
  readonly gdb: Debugger;
  readonly symbols: SymbolTable;
  /** The capture kernel is the same image, so that its symbols have the same names. */
  readonly sameImage: boolean;
}

/** Where the symbols of a kernel are kept between runs. */
interface SymbolCache {
  readonly directory: string;
  /** sha256 of the kernel's image. */
  readonly kernel: string;
}

/** What a choreography depends on besides its steps. */
export interface ChoreographyRun extends Pick<ChoreographyContext, 'trial' | 'deadlineScale' | 'runName'> {
  /** Interrupt sources outside the guest work meanwhile. */
  readonly hasSources: boolean;
  /** The capture kernel is the same image as the first kernel. */
  readonly sameImage: boolean;
  /** Undefined: they are read in each run. */
  readonly symbolCache: SymbolCache | undefined;
}

/**
 * Runs the scenario's script on the guest. A state that is not reached ends the run (void); a debugger that fails is
 * the harness's fault. `aboutToFire` is called when all vCPUs stand, right before one is fired. The session stays open,
 * for the autopsy.
 */
export async function choreograph(
  steps: readonly Step[],
  guest: Guest,
  {
    hasSources,
    sameImage,
    symbolCache,
    aboutToFire,
    ...run
  }: ChoreographyRun & { readonly aboutToFire: () => Promise<void> },
): Promise<DebugSession> {
  const { machine, watch } = guest;
  const port = need(machine, 'debugger');
  const symbols = await symbolsOf(guest, symbolCache);
  // The shell cannot run while vCPUs are held: what it is asked to start is started first.
  const stimuli = steps.flatMap((step) => ('stimulate' in step ? [step.stimulate.script] : []));
  for (const script of stimuli) await startStimulus(script, triggerTarget(guest));
  const pinOf = await guest.findPins(pinsIn(steps));
  const gdb = await port.connect();
  const context: ChoreographyContext = {
    ...run,
    gdb,
    symbols,
    vcpuRegisters: () => guest.registers(),
    async interrupt(vcpu, message) {
      const interrupts = need(machine, 'interrupts');
      await interrupts.send([{ vcpu, message }]);
      return interrupts.apicIdOf(vcpu);
    },
    irqchips: () => guest.irqchips(),
    lapic: (vcpu) => guest.lapic(vcpu),
    pinOf,
    sourcesWithinMs: hasSources ? SOURCES_WITHIN_MS : 0,
    firing: aboutToFire,
    fact: (fact) => watch.fact(fact),
  };
  try {
    // A wait of the debugger does not end with the run.
    await watch.orEnded(runChoreography(steps, context));
  } catch (error) {
    if (watch.ended !== undefined) throw new RunEnded(watch.ended);
    if (error instanceof NotReached) watch.stop(error.message);
    throw error;
  }
  return { gdb, symbols, sameImage };
}

function pinsIn(steps: readonly Step[]): PinName[] {
  return steps.flatMap((step) => ('prove' in step && 'pin' in step.prove ? [step.prove.pin] : []));
}

async function symbolsOf({ shell, watch }: Guest, cache: SymbolCache | undefined): Promise<SymbolTable> {
  const run: RunScript = async (script, what) => {
    const { status, output } = await shell.run(script, what);
    return status === 0 ? Buffer.from(output, 'latin1') : undefined;
  };
  const text = await kallsymsOf(run, cache);
  const parsed = text === undefined ? undefined : parseKallsyms(text);
  const what = 'symbols of the running kernel';
  if (parsed?.kind === 'symbols') {
    watch.fact({ fact: 'proof', what, proved: true, saw: `${parsed.table.size} symbols` });
    return parsed.table;
  }
  const saw = parsed === undefined ? 'no /proc/kallsyms (CONFIG_KALLSYMS)' : `kallsyms is ${parsed.kind}`;
  watch.fact({ fact: 'proof', what, proved: false, saw });
  return watch.stop(saw);
}

/** The text of /proc/kallsyms: that of an earlier boot of the same image, moved, or read anew. */
async function kallsymsOf(run: RunScript, cache: SymbolCache | undefined): Promise<string | undefined> {
  if (cache === undefined) return readKallsyms(run);
  const kept = await readCachedSymbols(cache.directory, cache.kernel);
  if (kept !== undefined) {
    const moved = relocateKallsyms(kept, (await probeKallsyms(run, PROBE_SYMBOLS)) ?? '');
    if (moved !== undefined) return moved;
  }
  const text = await readKallsyms(run);
  if (text !== undefined) await keepSymbols(cache.directory, cache.kernel, withoutModules(text));
  return text;
}
