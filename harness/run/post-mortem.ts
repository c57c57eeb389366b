import type { AutopsiedKernel, TakenLock } from '../autopsy/autopsy.js';
import { isDebuggerError } from '../autopsy/debugger.js';
import { findKernel, type FoundKernel } from '../autopsy/find-kernel.js';
import { kernelLogOf } from '../autopsy/kernel-log.js';
import { takesBy } from '../autopsy/lock-functions.js';
import { panicCpuOf } from '../autopsy/panic-cpu.js';
import { reinitialised, resetCause } from '../autopsy/reset-cause.js';
import { panicTextOf } from '../autopsy/panic-text.js';
import { placesOf } from '../autopsy/last-places.js';
import type { ControllerTexts } from '../hmp/controllers.js';
import { taintDegradations } from '../classify/taint.js';
import { MachineFailure, MissingAbility, need } from '../machine/machine.js';
import type { Debugger } from '../machine/debugger.js';
import type { RunEvent } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import type { SymbolTable } from '../symbols/index.js';
import { isQuiet } from '../timeline/printk.js';
import type { KernelSide } from '../timeline/tables-seen.js';
import type { DebugSession } from './choreograph.js';
import type { Guest } from './guest.js';
import type { KnownSymbols } from './known-symbols.js';

/** Where the symbols of a run's kernels come from. */
export interface KernelSources {
  readonly known: KnownSymbols;
  /** Of a choreographed run: its symbols are those of this boot, modules included. */
  readonly session: DebugSession | undefined;
}

/** What the examination of a guest may use. */
export interface PostMortem extends KernelSources {
  readonly accel: 'kvm' | 'tcg';
  /** The capture kernel may be entered with five-level paging on, which the first kernel leaves on. */
  readonly takesFiveLevels: boolean;
  /** The capture kernel's command line may silence its console: what it showed is not all. */
  readonly mayBeSilent: boolean;
}

/** Facts of these kinds mean that there is no machine to examine. */
const GONE: ReadonlySet<string> = new Set(['qemu-exit', 'interrupted', 'harness-fault']);

/**
 * Examines the guest of a fired run at its end, unless it lives: the logs of both kernels, why the machine reset, the
 * last place of each vCPU, its interrupt controllers. The machine stays stopped. What cannot be read leaves no facts: a
 * verdict does without.
 */
export async function postMortem(guest: Guest, options: PostMortem): Promise<void> {
  const { events } = guest.watch;
  if (guest.machine.abilities.debugger === undefined) return;
  if (!events.some((event) => event.type === 'firing' || isFact(event, 'fired'))) return;
  if (events.some((event) => event.type === 'host' && GONE.has(event.fact.fact))) return;
  if (events.some((event) => isFact(event, 'watch-ended') && event.fact.answered)) return;
  const captured = events.some(({ type }) => type === 'capture-done');
  // After a capture, the logs of kernels with a silent console still hold the report of the panic, for the proofs about
  // it, and what would degrade the capture.
  const isTold = isLoud(events) && !options.mayBeSilent && taintDegradations(events).length === 0;
  if (captured && isTold) return;
  // Samples of the machine that is stopped here would look like a hang.
  const resumeSamples = guest.watch.holdSamples();
  await orNothing(async () => {
    await guest.settled();
    const gdb = await guest.debugger();
    await gdb.interrupt();
    const kernels = await readKernelLogs(guest, gdb, options);
    if (!captured) await examine(guest, gdb, { ...options, kernels });
  });
  resumeSamples();
}

/** The console showed both kernels, and all that the capture kernel had to say. */
function isLoud(events: readonly RunEvent[]): boolean {
  const hello = events.find(({ type }) => type === 'capture-hello');
  if (hello?.type === 'capture-hello' && isQuiet(hello.commandLine)) return false;
  const panicked = events.some((event) => event.type === 'panic' && event.side === 'production');
  return (
    panicked && events.some(({ type, at }) => type === 'capture-command-line' && at.source === 'console')
  );
}

/** The two kernels of a run in memory; absent: not found. */
export type FoundKernels = Partial<Record<KernelSide, FoundKernel>>;

const BOTH: readonly KernelSide[] = ['production', 'capture'];

/** Finds the kernels of a run in the memory of a stopped machine. Throws what the machine or the debugger throws. */
export async function findKernels(
  guest: Guest,
  gdb: Debugger,
  { known, session, sides = BOTH }: KernelSources & { readonly sides?: readonly KernelSide[] },
): Promise<FoundKernels> {
  const { watch, machine } = guest;
  watch.tablesSeen.sample(await need(machine, 'monitor').registers(), armedOf(guest));
  const kernels: FoundKernels = {};
  for (const side of sides) {
    const seen = watch.tablesSeen.of(side);
    const kernel = seen.length === 0 ? undefined : await known.of(side, session?.symbols);
    const found = kernel === undefined ? undefined : await findKernel(kernel, { gdb, seen });
    if (found !== undefined) kernels[side] = found;
  }
  return kernels;
}

/** The symbols of kernels that were found, at their addresses. */
export function symbolsOf({ production, capture }: FoundKernels): {
  readonly production?: SymbolTable;
  readonly capture?: SymbolTable;
} {
  return {
    ...(production && { production: production.symbols }),
    ...(capture && { capture: capture.symbols }),
  };
}

/** As {@link findKernels}, and records the log of each as a fact. */
export async function readKernelLogs(
  guest: Guest,
  gdb: Debugger,
  options: KernelSources & { readonly sides?: readonly KernelSide[] },
): Promise<FoundKernels> {
  const { watch } = guest;
  const kernels = await findKernels(guest, gdb, options);
  for (const side of options.sides ?? BOTH) {
    const found = kernels[side];
    const log = found === undefined ? await logWithoutSymbols(guest, side) : await kernelLogOf(side, found);
    const earlier = watch.events.findLast((event) => isFact(event, 'kernel-log') && event.fact.side === side);
    if (log !== undefined && !(earlier?.type === 'host' && isSameLog(earlier.fact, log))) watch.fact(log);
  }
  return kernels;
}

/** The panic of a capture kernel of another image, which no earlier run has booted. */
async function logWithoutSymbols(guest: Guest, side: KernelSide) {
  const { watch, machine } = guest;
  const { memory } = machine.abilities;
  const { events } = watch;
  const armed = armedOf(guest);
  // Its userspace reads the crashed kernel's memory, with all that is in it.
  const isOpen = side === 'capture' && watch.tablesSeen.of(side).length > 0;
  if (!isOpen || memory === undefined || armed === undefined) return undefined;
  if (events.some(({ type }) => type === 'capture-hello')) return undefined;
  const known = new Set(events.flatMap((event) => (event.type === 'panic' ? [event.message] : [])));
  return panicTextOf(memory, { ranges: armed.ranges, known });
}

function isSameLog(one: HostFact, other: HostFact): boolean {
  return one.fact === 'kernel-log' && other.fact === 'kernel-log' && one.text === other.text;
}

/** Records why the machine reset, the last places and the autopsy. */
async function examine(
  guest: Guest,
  gdb: Debugger,
  { kernels, accel, takesFiveLevels }: PostMortem & { readonly kernels: FoundKernels },
): Promise<void> {
  const { machine, watch } = guest;
  const monitor = need(machine, 'monitor');
  const registersText = await monitor.registers();
  const armed = armedOf(guest);
  const shutdown = watch.events.find((event) => event.type === 'shutdown');
  const sampleBefore = watch.sampleBeforeShutdown;
  const lost = shutdown === undefined ? [] : reinitialised({ accel, registersText, sampleBefore, armed });
  if (shutdown !== undefined) {
    const kind = await machine.abilities.resetLog?.kind();
    const cause = resetCause({
      reason: shutdown.reason,
      kind,
      accel,
      registersText,
      sampleBefore,
      armed,
      takesFiveLevels,
    });
    if (cause !== undefined) watch.fact(cause);
  }
  const { production } = kernels;
  const panicCpu = production === undefined ? undefined : await panicCpuOf(production);
  if (panicCpu !== undefined) watch.fact(panicCpu);
  for (const fact of placesOf({ registersText, armed, symbols: symbolsOf(kernels), lost })) watch.fact(fact);
  const controllers = await readControllers(guest, gdb);
  const autopsied = {
    production: autopsiedKernel(kernels.production),
    capture: autopsiedKernel(kernels.capture),
  };
  // It decodes instructions, which most runs do without.
  const { autopsyOf } = await import('../autopsy/autopsy.js');
  watch.fact({
    fact: 'autopsy',
    autopsy: await autopsyOf({
      ...{ reader: gdb, registersText, armed, kernels: autopsied, controllers, lost },
      ...{ held: guest.held, taken: takenBy(watch.events) },
    }),
  });
}

/** The locks that directed calls took. */
function takenBy(events: readonly RunEvent[]): TakenLock[] {
  return events.flatMap((event) => {
    if (event.type !== 'host' || event.fact.fact !== 'called') return [];
    const { function: name, args, vcpu, returned } = event.fact;
    const [address] = args;
    const isTaken = takesBy(name, BigInt(returned));
    return isTaken && vcpu !== undefined && address !== undefined
      ? [{ function: name, address: BigInt(address), vcpu }]
      : [];
  });
}

/** The texts of the interrupt controllers; the counts of interrupts go into the QMP log. */
async function readControllers({ machine }: Guest, gdb: Pick<Debugger, 'vcpus'>): Promise<ControllerTexts> {
  const monitor = need(machine, 'monitor');
  const pic = await monitor.irqchips();
  await monitor.interruptCounts();
  const lapics: { vcpu: number; text: string }[] = [];
  for (const vcpu of gdb.vcpus) lapics.push({ vcpu, text: (await monitor.lapic(vcpu)) ?? '' });
  return { pic, lapics };
}

function autopsiedKernel(found: FoundKernel | undefined): AutopsiedKernel | undefined {
  if (found === undefined) return undefined;
  const { symbols, release } = found;
  return { symbols, release, from: "its own /proc/kallsyms, moved to this boot's addresses" };
}

/** What the last arming of the guest left behind. */
export function armedOf({ watch }: Guest) {
  return watch.events.findLast((event) => event.type === 'armed')?.armed;
}

function isFact<Fact extends string>(
  event: RunEvent,
  fact: Fact,
): event is Extract<RunEvent, { type: 'host' }> & {
  readonly fact: Extract<Extract<RunEvent, { type: 'host' }>['fact'], { fact: Fact }>;
} {
  return event.type === 'host' && event.fact.fact === fact;
}

/** A machine that is gone, lacks the ability, or whose debugger does not answer leaves no facts. */
export async function orNothing(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const ours = error instanceof MachineFailure || error instanceof MissingAbility || isDebuggerError(error);
    if (!ours) throw error;
  }
}
