import { crashPathRank, type Place } from '../model/place.js';
import type { HangShape } from '../model/event.js';
import type { Access } from './instruction-effects.js';
import { overlap, type TracedStep } from './loop-trace.js';
import type { Wake } from './wake.js';

/** An access with its guest-physical address. */
export interface PlacedAccess extends Access {
  readonly physical: bigint;
}

/** What following a vCPU's instructions showed. */
export type LoopFinding =
  | {
      readonly kind: 'recurs';
      /** Instructions executed until the state recurred. */
      readonly steps: number;
      /** One round. */
      readonly loop: readonly TracedStep[];
      /** Memory that a round reads and has not stored itself before. */
      readonly reads: readonly PlacedAccess[];
      /** Every store while it was followed. */
      readonly stores: readonly PlacedAccess[];
      readonly stack: bigint;
      /** Interrupts that came in while it was followed; absent: none. */
      readonly interrupts?: number;
    }
  /** `waits`: it sees time or a device; `works`: it counts, stores, prints, or takes too long. */
  | { readonly kind: 'waits' | 'works' | 'unknown'; readonly why: string; readonly steps: number };

/** A vCPU of the stopped machine. */
export interface ExaminedVcpu {
  readonly vcpu: number;
  /**
   * `parked`: halted with interrupts off; `asleep`: halted with interrupts on; `off`: never started; `held`: stopped by a
   * choreography, for the rest of the run.
   */
  readonly state: 'parked' | 'asleep' | 'running' | 'off' | 'held';
  readonly interruptsOn: boolean;
  readonly place: Place;
  /** Its stack shows that it carries the crash path, in the first kernel. */
  readonly crashing: boolean;
  /** Its stack shows that it carries the boot of the capture kernel. */
  readonly booting?: boolean;
  /** Parked in the wait for a paravirtual lock: a vCPU that lives may kick it. */
  readonly waitsForLock?: boolean;
  /** Of a running vCPU in kernel mode. */
  readonly loop?: LoopFinding | undefined;
  /** Of a vCPU with interrupts on, once it was asked for. */
  readonly wake?: Wake | undefined;
  /** Why a non-maskable interrupt may come to it; undefined when nothing sends one. */
  readonly nmi?: string | undefined;
  /** Of a parked vCPU: its code leads back to the halt, so that an NMI that another vCPU sends changes nothing. */
  readonly haltsAgain?: boolean | undefined;
}

/** The machine, for {@link judge}. */
export interface Standstill {
  readonly vcpus: readonly ExaminedVcpu[];
  /** Memory that a device may write; undefined when the machine has no such device. */
  deviceMayWrite(read: PlacedAccess, vcpu: ExaminedVcpu): boolean;
  /** Why a vCPU that may run cannot change what a loop of another one reads; undefined when it may. */
  cannotChange(read: PlacedAccess, reader: ExaminedVcpu, writer: ExaminedVcpu): string | undefined;
}

/** What an examination finds. */
export type Finding =
  | { readonly finding: 'hung'; readonly shape: HangShape; readonly why: string }
  | { readonly finding: 'waiting' | 'working' | 'unknown'; readonly why: string }
  /** Whether an interrupt can wake these vCPUs decides it. */
  | { readonly finding: 'ask-wake'; readonly vcpus: readonly number[] };

/**
 * Judges whether the machine, or at least its crash path, can ever go on.
 *
 * A vCPU that is parked or off can do nothing. One that runs with interrupts off in a loop whose state recurs does the
 * same for ever, as long as nobody changes what the loop reads. A vCPU with interrupts on is dead only when no interrupt
 * can come to it, and a loop of it recurs. When all are dead, the machine hangs. When some are alive, the crash path hangs
 * nevertheless if the vCPUs that carry it are dead, and those that are alive cannot change what their loops read.
 */
export function judge(machine: Standstill): Finding {
  const { vcpus } = machine;
  const beside = hungBeside(machine);
  if (beside !== undefined) return beside;
  const other = waitsForOther(machine);
  if (other !== undefined) return other;
  // What was followed says more than what was not.
  const followedFirst = vcpus.toSorted(
    (one, other) => Number(other.loop !== undefined) - Number(one.loop !== undefined),
  );
  for (const vcpu of followedFirst) {
    const obstacle = obstacleOf(vcpu, machine);
    if (obstacle !== undefined) return obstacle;
  }
  const alive = vcpus.filter((vcpu) => mayRun(vcpu));
  if (alive.length > 0) {
    const unasked = alive.filter((vcpu) => vcpu.wake === undefined && needsInterrupt(vcpu));
    if (unasked.length === alive.length)
      return { finding: 'ask-wake', vcpus: unasked.map(({ vcpu }) => vcpu) };
    return undecided(alive);
  }
  const shared = sharedMemory(vcpus);
  if (shared !== undefined) return { finding: 'working', why: shared };
  return hungOf(machine);
}

/**
 * The crash path hangs beside vCPUs that may run: each vCPU that carries it is dead, whatever those do. What a dead vCPU
 * waits for may come from another dead one, but not from one that may run.
 */
function hungBeside(machine: Standstill): Finding | undefined {
  const { vcpus } = machine;
  const carriers = carriersOf(machine);
  const dead = new Set(vcpus.filter((vcpu) => !mayRun(vcpu)));
  for (const vcpu of dead) {
    if (readsOf(vcpu).some((read) => machine.deviceMayWrite(read, vcpu))) dead.delete(vcpu);
  }
  const reasons = new Set<string>();
  for (let isSettled = false; !isSettled; ) {
    isSettled = true;
    const alive = vcpus.filter((vcpu) => !dead.has(vcpu));
    if (alive.length === 0) return undefined;
    reasons.clear();
    for (const reader of dead) {
      // One that may run may release the lock and kick it.
      if (reader.waitsForLock === true) {
        dead.delete(reader);
        isSettled = false;
        continue;
      }
      const whys = readsOf(reader).flatMap((read) =>
        alive.map((writer) => machine.cannotChange(read, reader, writer)),
      );
      for (const why of whys) if (why !== undefined) reasons.add(why);
      if (!whys.includes(undefined)) continue;
      dead.delete(reader);
      isSettled = false;
    }
  }
  if (carriers.length === 0 || !carriers.every((vcpu) => dead.has(vcpu))) return undefined;
  if (sharedMemory([...dead]) !== undefined) return undefined;
  const alive = vcpus.filter((vcpu) => !dead.has(vcpu));
  const task = carriers.some(({ booting }) => booting === true)
    ? "the capture kernel's boot"
    : 'the crash path';
  const rest = `${names(alive)} can still run, but does not carry ${task}`;
  const spinners = carriers.filter(({ loop }) => loop?.kind === 'recurs');
  if (spinners.length === 0) {
    if (!carriers.every(({ haltsAgain }) => haltsAgain === true)) return undefined;
    const why = `${names(carriers)} is halted with interrupts off, in a loop that halts again after an NMI; ${rest}`;
    return { finding: 'hung', shape: 'idle-forever', why };
  }
  const reads = spinners.some((vcpu) => readsOf(vcpu).length > 0)
    ? 'no vCPU that can still run changes what it reads'
    : 'reads nothing that another vCPU could change';
  const because = reasons.size === 0 ? '' : `: ${[...reasons].join('; ')}`;
  return {
    finding: 'hung',
    shape: 'spin',
    why: `${names(spinners)} repeats the same instructions for ever with interrupts off, and ${reads}${because}; ${rest}`,
  };
}

/**
 * The vCPUs that carry the crash path are dead, unless one that is alive changes what their loops read: that says more than
 * what the one that is alive happened to execute.
 */
function waitsForOther(machine: Standstill): Finding | undefined {
  const carriers = carriersOf(machine);
  const alive = machine.vcpus.filter((vcpu) => mayRun(vcpu));
  const isAsked = alive.some((vcpu) => vcpu.wake !== undefined || !needsInterrupt(vcpu));
  if (!isAsked || carriers.some((vcpu) => mayRun(vcpu))) return undefined;
  for (const reader of carriers) {
    for (const read of readsOf(reader)) {
      const writer = alive.find((by) => machine.cannotChange(read, reader, by) === undefined);
      if (writer === undefined || machine.deviceMayWrite(read, reader)) continue;
      const off = reader.interruptsOn ? '' : ' with interrupts off';
      return {
        finding: 'waiting',
        why: `${names([reader])} repeats the same instructions${off}, and ${names([writer])}, which can run, may change what it reads, at ${hex(read.address)}`,
      };
    }
  }
  return undefined;
}

function readsOf({ loop }: ExaminedVcpu): readonly PlacedAccess[] {
  return loop?.kind === 'recurs' ? loop.reads : [];
}

/** Whether it is dead unless an interrupt comes. */
function needsInterrupt({ state, loop }: ExaminedVcpu): boolean {
  return state === 'asleep' || (loop?.kind === 'recurs' && !isInterrupted(loop));
}

/** Why a vCPU with interrupts off is not shown to be dead; undefined when it is. */
function obstacleOf(vcpu: ExaminedVcpu, machine: Standstill): Finding | undefined {
  const { loop, nmi, state, interruptsOn } = vcpu;
  const who = `vCPU ${vcpu.vcpu}`;
  if (state === 'parked' && nmi !== undefined)
    return { finding: 'waiting', why: `${who} is halted with interrupts off, and ${nmi}` };
  if (state !== 'running' || interruptsOn) return undefined;
  if (loop === undefined) return { finding: 'unknown', why: `${who} runs, and was not followed` };
  switch (loop.kind) {
    case 'waits':
      return { finding: 'waiting', why: `${who}: ${loop.why}` };
    case 'works':
      return { finding: 'working', why: `${who}: ${loop.why}` };
    case 'unknown':
      return { finding: 'unknown', why: `${who}: ${loop.why}` };
    case 'recurs': {
      if (nmi !== undefined) return { finding: 'unknown', why: `${who}: ${nmi}` };
      const written = loop.reads.find((read) => machine.deviceMayWrite(read, vcpu));
      return written === undefined
        ? undefined
        : {
            finding: 'unknown',
            why: `${who} reads memory that a device may write, at ${hex(written.address)}`,
          };
    }
  }
}

/** Whether interrupts came to it while it was followed. */
function isInterrupted(loop: LoopFinding | undefined): boolean {
  return loop?.kind === 'recurs' && loop.interrupts !== undefined;
}

/** Whether a vCPU can still do something: an interrupt may come to it, or it runs code that is not shown to recur. */
function mayRun({ state, interruptsOn, loop, wake, nmi }: ExaminedVcpu): boolean {
  if (state === 'off' || state === 'held') return false;
  if (state === 'parked') return nmi !== undefined;
  if (state === 'running' && (loop?.kind !== 'recurs' || nmi !== undefined)) return true;
  if (isInterrupted(loop)) return true;
  return interruptsOn && wake?.kind !== 'none';
}

/**
 * The vCPUs that carry the crash path: those beyond the first kernel, and of these the one in the capture kernel's boot
 * thread, where a stack shows it; before the jump those whose stack shows it. That interrupts are off is no sign: panic()
 * switches them off, but its notifiers may switch them on, or sleep, while another CPU spins.
 */
function carriersOf({ vcpus }: Standstill): readonly ExaminedVcpu[] {
  const beyond = vcpus.filter(({ place }) => crashPathRank(place) > 0);
  const booting = beyond.filter((vcpu) => vcpu.booting === true);
  if (booting.length > 0) return booting;
  return beyond.length > 0 ? beyond : vcpus.filter(({ crashing }) => crashing);
}

function undecided(alive: readonly ExaminedVcpu[]): Finding {
  for (const { vcpu, state, loop, wake, place, nmi } of alive) {
    const who = `vCPU ${vcpu}`;
    if (place === 'user') return { finding: 'working', why: `${who} runs in user mode` };
    if (state === 'running' && loop !== undefined && loop.kind !== 'recurs')
      return {
        finding: loop.kind === 'waits' ? 'waiting' : loop.kind === 'works' ? 'working' : 'unknown',
        why: `${who}: ${loop.why}`,
      };
    if (nmi !== undefined) return { finding: 'unknown', why: `${who}: ${nmi}` };
    if (isInterrupted(loop))
      return { finding: 'waiting', why: `${who} repeats the same instructions, and takes interrupts` };
    if (wake?.kind === 'armed') return { finding: 'waiting', why: `${who} can be woken: ${wake.why}` };
    if (wake?.kind === 'unknown') return { finding: 'unknown', why: `${who}: ${wake.why}` };
  }
  return { finding: 'working', why: `${names(alive)} can run` };
}

/** A loop that reads what another one stores: the two may be talking. */
function sharedMemory(vcpus: readonly ExaminedVcpu[]): string | undefined {
  for (const reader of vcpus) {
    if (reader.loop?.kind !== 'recurs') continue;
    for (const writer of vcpus) {
      if (writer === reader || writer.loop?.kind !== 'recurs') continue;
      const { stores } = writer.loop;
      const read = reader.loop.reads.find((access) =>
        stores.some((store) =>
          overlap({ ...access, address: access.physical }, { ...store, address: store.physical }),
        ),
      );
      if (read !== undefined)
        return `vCPU ${reader.vcpu} reads what vCPU ${writer.vcpu} stores, at ${hex(read.address)}`;
    }
  }
  return undefined;
}

/** All vCPUs are dead. The shape is that of the vCPUs that carry the crash path: another one may spin beside them. */
function hungOf(machine: Standstill): Finding {
  const { vcpus } = machine;
  const carriers = carriersOf(machine);
  const spinners = vcpus.filter(({ loop }) => loop?.kind === 'recurs');
  const sleepers = vcpus.filter(({ state }) => state === 'asleep');
  const held = vcpus.filter(({ state }) => state === 'held');
  const rest = vcpus.filter((vcpu) => !spinners.includes(vcpu) && !sleepers.includes(vcpu));
  const parked = rest.filter((vcpu) => !held.includes(vcpu));
  const others =
    (parked.length === 0 ? '' : `; ${names(parked)} cannot run`) +
    (held.length === 0 ? '' : `; ${names(held)} is held by the choreography`);
  const sleepOnly = carriers.length > 0 && carriers.every((vcpu) => sleepers.includes(vcpu));
  if (spinners.length > 0 && !sleepOnly) {
    const asleep = sleepers.length === 0 ? '' : `; nothing wakes ${names(sleepers)}`;
    const off = spinners.some(({ interruptsOn }) => interruptsOn)
      ? ', and no interrupt can come'
      : ' with interrupts off';
    return {
      finding: 'hung',
      shape: 'spin',
      why: `${names(spinners)} repeats the same instructions for ever${off}, and nobody changes what it reads${asleep}${others}`,
    };
  }
  if (sleepers.length > 0)
    return {
      finding: 'hung',
      shape: 'idle-forever',
      why: `${names(sleepers)} sleeps, and nothing wakes it${others}`,
    };
  return {
    finding: 'hung',
    shape: 'all-vcpus-halted',
    why: `every vCPU is halted with interrupts off, or was never started${held.length === 0 ? '' : `, or is held by the choreography (${names(held)})`}`,
  };
}

function names(vcpus: readonly ExaminedVcpu[]): string {
  return `vCPU ${vcpus.map(({ vcpu }) => vcpu).join(', ')}`;
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}
