import { HPET_BASE, HPET_BYTES, readHpet } from '../hmp/hpet.js';
import { readIrqCounts } from '../hmp/irq-counts.js';
import { type Irqchips, readIrqchips } from '../hmp/irqchips.js';
import { readLapic } from '../hmp/lapic.js';
import { readRegisters, type VcpuRegisters } from '../hmp/registers.js';
import type { Debugger } from '../machine/debugger.js';
import { MachineFailure, type Monitor } from '../machine/machine.js';
import type { LockWait } from '../model/autopsy.js';
import type { Armed, VcpuState } from '../model/event.js';
import { crashPathRank, type Place } from '../model/place.js';
import { waitsForPvLock } from '../model/pv-wait.js';
import type { HostFact } from '../model/record.js';
import { GdbError } from '../qemu/gdbstub/index.js';
import { functionsOf, type SymbolTable } from '../symbols/index.js';
import { type ExaminedVcpu, type Finding, judge, type Standstill } from '../standstill/judge.js';
import type { MemoryMap } from '../standstill/ram.js';
import { type InterruptReading, wakeOf } from '../standstill/wake.js';
import { readVcpus } from '../timeline/vcpus.js';
import { continueBut, orUnreadable } from './debugger.js';
import { describeVcpu, type Suspect } from './describe-vcpu.js';
import { haltsAgain } from './halts-again.js';
import { followLoop, type FollowLimits } from './follow-loop.js';
import { stackOf } from './inspect-vcpu.js';
import { LOCK_FUNCTION } from './lock-functions.js';
import { type StackedVcpu, stackedVcpu } from './stacked-vcpu.js';
import { isBooting, isCrashing } from './stack-roles.js';
import { steppedVcpu } from './stepped-vcpu.js';
import { waitOf } from './waits.js';
import { cannotChange, isNoBuffer } from './who-may-write.js';

/** The fact that an examination leaves. */
export type Examination = Extract<HostFact, { fact: 'examination' }>;

/** A machine that seems to hang, and what is known about it. */
export interface SuspectMachine {
  readonly gdb: Debugger;
  readonly monitor: Pick<Monitor, 'registers' | 'irqchips' | 'interruptCounts' | 'lapic'>;
  readonly armed: Armed | undefined;
  /** A panic of the first kernel was seen. */
  readonly panicked: boolean;
  readonly memory: MemoryMap;
  /** The machine has a device that writes to memory by itself. */
  readonly hasBusMaster: boolean;
  /** vCPUs that a choreography keeps stopped: they are left so. */
  readonly held: ReadonlySet<number>;
  readonly accel: 'kvm' | 'tcg';
  /** The symbols of both kernels at their addresses, where they are known. */
  readonly symbols: { readonly production?: SymbolTable; readonly capture?: SymbolTable };
  nowMs(): number;
  sleep(forMs: number): Promise<void>;
  /** A number that grows when the guest prints. */
  printed(): number;
  /** How long a question to the debugger is on its way there and back, milliseconds; 0 for a machine on this host. */
  readonly roundTripMs: number;
  /** How often the same shape was examined before. */
  readonly examinedBefore: number;
}

/**
 * A loop that waits for a lock has ten instructions; one that pauses between its tries has thousands, and looks as if it
 * counted. Each further examination follows twice as many, as far as its time allows.
 */
const FIRST_STEPS = 4096;
const FIRST_VISITS = 512;
const MOST_STEP_DOUBLINGS = 2;
/**
 * How long one vCPU is followed in the first examination of a row. A step takes 0.3 ms, on a busy host 30 ms: each further
 * examination of the same shape has twice the time, up to the last one, so that a host's load delays a proof and does not
 * prevent it.
 */
const FOLLOW_MS = 1_000;
const MOST_DOUBLINGS = 4;
/**
 * A step asks three questions: the step, the registers, the memory that it uses. The round trips of two rounds of
 * a short loop are added to the time, so that a distant host does not prevent a proof either.
 */
const FAR_QUESTIONS = 3 * 256;
const MOST_WAY_MS = 60_000;
/** The PIT, the slowest timer whose state is not shown, counts for 55 ms at most (65,536 / 1,193,182 Hz). */
const WATCH_MS = 2_200;

const CR0_PROTECTED = 1n;
/**
 * Stops the machine, and finds out whether it can ever go on. It is left stopped; the caller continues it unless it is
 * `hung`. Only single steps are taken in the guest, handlers of interrupts that come in meanwhile, and a pause of
 * {@link WATCH_MS} in which it runs. Undefined when the debugger or the monitor does not answer in time.
 */
export async function examine(machine: SuspectMachine): Promise<Examination | undefined> {
  const beganMs = machine.nowMs();
  try {
    await machine.gdb.interrupt();
    const scene = await readScene(machine);
    await followAll(scene, machine);
    let finding = judge(standstill(scene, machine));
    if (finding.finding === 'ask-wake') finding = await askWake(finding.vcpus, { scene, machine });
    return await factOf(finding, { scene, machine, tookMs: machine.nowMs() - beganMs });
  } catch (error) {
    if (error instanceof GdbError || (error instanceof MachineFailure && !error.gone)) return undefined;
    throw error;
  }
}

interface Scene {
  suspects: Suspect[];
}

async function readScene(machine: SuspectMachine): Promise<Scene> {
  const { monitor, armed, gdb } = machine;
  const text = await monitor.registers();
  const all = readRegisters(text);
  const suspects: Suspect[] = [];
  for (const seen of readVcpus(text, armed)) {
    const registers = all.find(({ index }) => index === seen.index);
    if (registers === undefined) continue;
    const vcpu = seen.index;
    const state = machine.held.has(vcpu) ? 'held' : stateOf(seen, registers);
    const isKernel = state !== 'off' && registers.codeIs64Bit && registers.execution?.cpl === 0;
    const symbols = isKernel ? symbolsAt(seen.place, machine.symbols) : undefined;
    const stack = symbols === undefined ? [] : functionsOf(await stackOf(vcpu, { gdb, symbols }));
    const { interruptsOn, place } = seen;
    const crashing = isCrashing(stack);
    const booting = place === 'capture-kernel' && isBooting(stack);
    const waitsForLock = state === 'parked' && waitsForPvLock(stack);
    suspects.push({
      vcpu,
      state,
      interruptsOn,
      place,
      crashing,
      booting,
      waitsForLock,
      seen,
      registers,
      symbols,
      stack,
    });
  }
  return { suspects };
}

function symbolsAt(place: Place, symbols: SuspectMachine['symbols']): SymbolTable | undefined {
  if (place === 'first-kernel') return symbols.production;
  return place === 'capture-kernel' ? symbols.capture : undefined;
}

function stateOf({ halted, interruptsOn }: VcpuState, { cr0 }: VcpuRegisters): ExaminedVcpu['state'] {
  // Protected mode is off on a vCPU that waits for its first start-up IPI, or in firmware's 16-bit code.
  if (halted && ((cr0 ?? 0n) & CR0_PROTECTED) === 0n) return 'off';
  if (!halted) return 'running';
  return interruptsOn ? 'asleep' : 'parked';
}

/**
 * Follows the vCPUs that run: first those that carry the crash path, then those with interrupts off, until one of these
 * is not in a loop that recurs. Of parked ones it finds out whether an NMI could let them go on.
 */
async function followAll(scene: Scene, machine: SuspectMachine): Promise<void> {
  const wayMs = Math.min(MOST_WAY_MS, FAR_QUESTIONS * machine.roundTripMs);
  const forMs = FOLLOW_MS * 2 ** Math.min(machine.examinedBefore, MOST_DOUBLINGS) + wayMs;
  const factor = 2 ** Math.min(machine.examinedBefore, MOST_STEP_DOUBLINGS);
  const bounds = { steps: FIRST_STEPS * factor, visits: FIRST_VISITS * factor };
  const irqchips = readIrqchips(await machine.monitor.irqchips());
  for (const suspect of scene.suspects.filter(({ state }) => state === 'parked')) {
    const nmi = await nmiOf(suspect, machine, irqchips);
    const again = isCarrier(suspect) ? await haltsAgain(suspect.vcpu, machine.gdb) : undefined;
    replace(scene, { ...suspect, nmi, haltsAgain: again });
  }
  const urgency = (suspect: Suspect) =>
    Number(isCarrier(suspect)) * 2 + Number(!suspect.interruptsOn) + Number(suspect.place !== 'user');
  const inOrder = scene.suspects
    .filter(({ state }) => state === 'running')
    .toSorted((one, other) => urgency(other) - urgency(one));
  const hasCarrier = scene.suspects.some(isCarrier);
  for (const suspect of inOrder) {
    const loop = await follow(suspect, machine, { ...bounds, forMs });
    replace(scene, { ...suspect, loop, nmi: await nmiOf(suspect, machine, irqchips) });
    // Beside a crash path that is dead, others may do what they like.
    const decides = !hasCarrier || isCarrier(suspect) || suspect.interruptsOn;
    if (loop.kind !== 'recurs' && decides) return;
  }
}

function isCarrier({ place, crashing }: Suspect): boolean {
  return crashing || crashPathRank(place) > 0;
}

async function follow(
  { vcpu, registers, seen }: Suspect,
  machine: SuspectMachine,
  bounds: Omit<FollowLimits, 'nowMs'>,
): Promise<NonNullable<ExaminedVcpu['loop']>> {
  const not = (kind: 'works' | 'unknown', why: string) => ({ kind, why, steps: 0 });
  if (registers.execution?.cpl !== 0) return not('works', 'it runs in user mode');
  if (seen.place === 'firmware') return not('unknown', 'it runs firmware');
  if (!registers.codeIs64Bit) return not('unknown', 'it runs 32-bit code, which is not examined');
  const stepped = steppedVcpu(vcpu, machine);
  return followLoop(stepped, { ...bounds, nowMs: () => machine.nowMs() });
}

function replace(scene: Scene, suspect: Suspect): void {
  scene.suspects = scene.suspects.map((old) => (old.vcpu === suspect.vcpu ? suspect : old));
}

/**
 * Whether something of the machine may send a vCPU an NMI: a pin of the IO-APIC or its line LINT0 that is programmed to
 * (the NMI watchdog of old, Documentation/nmi_watchdog.txt, v2.6), or its performance counters. Those of the first kernel
 * do not count on its crash path: their handler changes nothing there, because the watchdog's panic() returns on the CPU
 * that panics already (kernel/panic.c, nmi_panic(), v6.1). A capture kernel's watchdog may panic. LINT1 is the machine's
 * NMI button.
 */
async function nmiOf(
  { vcpu, place }: Suspect,
  { monitor, panicked }: SuspectMachine,
  { ioApic }: Irqchips,
): Promise<string | undefined> {
  // A local APIC that software has disabled still accepts NMI messages (Intel SDM volume 3, 10.4.7.2).
  const pin = ioApic?.pins.find(({ masked, delivery }) => !masked && delivery === 'NMI');
  if (pin !== undefined) return `pin ${pin.pin} of the IO-APIC may send it a non-maskable interrupt`;
  const text = await monitor.lapic(vcpu);
  const lapic = text === undefined ? undefined : readLapic(text);
  if (lapic?.enabled !== true) return undefined;
  const { LVT0: line, LVTPC: counters } = lapic.lvt;
  if (line !== undefined && !line.masked && line.delivery === 'NMI')
    return 'the 8259 may send it a non-maskable interrupt through LINT0';
  if (panicked && place === 'first-kernel') return undefined;
  return counters !== undefined && !counters.masked && counters.delivery === 'NMI'
    ? 'its performance counters may send a non-maskable interrupt'
    : undefined;
}

function standstill({ suspects }: Scene, { hasBusMaster, armed }: SuspectMachine): Standstill {
  const suspectOf = ({ vcpu }: ExaminedVcpu) => suspects.find((suspect) => suspect.vcpu === vcpu);
  return {
    vcpus: suspects,
    deviceMayWrite: (read, vcpu) => hasBusMaster && !isNoBuffer(read, suspectOf(vcpu)),
    cannotChange: (read, reader, writer) => {
      const [by, of] = [suspectOf(writer), suspectOf(reader)];
      return by === undefined || of === undefined ? undefined : cannotChange(read, of, { by, armed });
    },
  };
}

/** Finds out whether interrupts can come to these vCPUs: what the machine shows, twice, with a pause. */
async function askWake(
  vcpus: readonly number[],
  { scene, machine }: { readonly scene: Scene; readonly machine: SuspectMachine },
): Promise<Finding> {
  const first = await readInterrupts(vcpus, machine);
  const judgeWith = (second: Awaited<ReturnType<typeof readInterrupts>> | undefined) => {
    for (const [vcpu, reading] of first) {
      const suspect = scene.suspects.find((each) => each.vcpu === vcpu);
      if (suspect === undefined) continue;
      const wake = wakeOf(
        { first: reading, second: second?.get(vcpu), ranMs: WATCH_MS },
        { hasCard: machine.hasBusMaster, inKernelApic: machine.accel === 'kvm' },
      );
      replace(scene, { ...suspect, wake });
    }
    return judge(standstill(scene, machine));
  };
  const early = judgeWith(undefined);
  if (early.finding !== 'hung') return early;
  const printed = machine.printed();
  await continueBut(machine.held, machine.gdb);
  await machine.sleep(WATCH_MS);
  await machine.gdb.interrupt();
  // What was printed before the stop may be on its way.
  if (machine.roundTripMs > 0) await machine.sleep(machine.roundTripMs);
  if (machine.printed() !== printed) return { finding: 'working', why: 'the guest printed meanwhile' };
  const moved = await whoMoved(scene, machine);
  if (moved !== undefined) return { finding: 'working', why: `vCPU ${moved} went on meanwhile` };
  return judgeWith(await readInterrupts(vcpus, machine));
}

async function readInterrupts(
  vcpus: readonly number[],
  { monitor, gdb }: SuspectMachine,
): Promise<Map<number, InterruptReading>> {
  const irqchips = readIrqchips(await monitor.irqchips());
  const counts = readIrqCounts(await monitor.interruptCounts());
  const registers = await orUnreadable(gdb.readPhysicalMemory(HPET_BASE, HPET_BYTES));
  const hpet = registers === undefined ? undefined : readHpet(registers);
  const readings = new Map<number, InterruptReading>();
  for (const vcpu of vcpus) {
    const text = await monitor.lapic(vcpu);
    readings.set(vcpu, { lapic: text === undefined ? undefined : readLapic(text), irqchips, counts, hpet });
  }
  return readings;
}

/** The first vCPU that is not where it was, a loop counting as one place. */
async function whoMoved(
  { suspects }: Scene,
  { monitor, armed }: SuspectMachine,
): Promise<number | undefined> {
  const now = readVcpus(await monitor.registers(), armed);
  return suspects.find(({ vcpu, seen, loop, state }) => {
    const after = now.find(({ index }) => index === vcpu);
    if (after === undefined || state === 'off') return false;
    if (after.halted !== seen.halted) return true;
    if (loop?.kind !== 'recurs') return after.rip !== seen.rip;
    return !loop.loop.some(({ address }) => address.toString(16) === after.rip);
  })?.vcpu;
}

/** The locks that vCPUs wait for in a loop, by vCPU. Stacks are followed only when there is such a loop. */
async function waitsOf({ suspects }: Scene, { gdb }: SuspectMachine): Promise<Map<number, LockWait>> {
  const waits = new Map<number, LockWait>();
  const waiters = suspects.filter(
    ({ loop, stack }) => loop?.kind === 'recurs' && LOCK_FUNCTION.test(stack[0] ?? ''),
  );
  if (waiters.length === 0) return waits;
  const stacked: { readonly place: Place; readonly one: StackedVcpu }[] = [];
  for (const { vcpu, state, place, symbols } of suspects) {
    if (symbols === undefined) continue;
    const known = state === 'held' ? ('unknown' as const) : state;
    stacked.push({ place, one: await stackedVcpu({ vcpu, state: known }, { reader: gdb, symbols }) });
  }
  for (const { vcpu, place } of waiters) {
    const all = stacked.filter((other) => other.place === place).map(({ one }) => one);
    const waiter = all.find((one) => one.vcpu === vcpu);
    const found = await waiter?.run(waitOf(waiter, all));
    if (found?.taken === true) waits.set(vcpu, found.wait);
  }
  return waits;
}

async function factOf(
  finding: Finding,
  {
    scene,
    machine,
    tookMs,
  }: { readonly scene: Scene; readonly machine: SuspectMachine; readonly tookMs: number },
): Promise<Examination> {
  // `judge` asks only once.
  const word = finding.finding === 'ask-wake' ? 'unknown' : finding.finding;
  const vcpus: Examination['vcpus'] = [];
  const waits = await waitsOf(scene, machine);
  for (const suspect of scene.suspects) {
    const wait = waits.get(suspect.vcpu);
    vcpus.push(await describeVcpu(suspect, { all: scene.suspects, gdb: machine.gdb, wait }));
  }
  return {
    fact: 'examination',
    finding: word,
    ...(finding.finding === 'hung' ? { shape: finding.shape } : {}),
    why: finding.finding === 'ask-wake' ? 'whether an interrupt can come is not known' : finding.why,
    vcpus,
    tookMs: Math.round(tookMs),
  };
}
