import type { Registers } from '../machine/debugger.js';
import { effectsOf, type Access, type Effects } from '../standstill/instruction-effects.js';
import {
  bytesOf,
  createLoopTrace,
  isSameState,
  overlap,
  rangesOf,
  readFromOutside,
  type Store,
  type TracedStep,
} from '../standstill/loop-trace.js';
import type { LoopFinding, PlacedAccess } from '../standstill/judge.js';

/** One vCPU that can be stepped while all others are held. */
export interface SteppedVcpu {
  registers(): Promise<Registers>;
  /** Virtual memory; undefined when it cannot be read. */
  read(address: bigint, length: number): Promise<Uint8Array | undefined>;
  /** The guest-physical address behind a virtual one; undefined when it is not mapped. */
  physicalOf(address: bigint): Promise<bigint | undefined>;
  /** Executes one instruction. False when it did not end in time. */
  step(): Promise<boolean>;
  /**
   * Lets the vCPU run until it is about to execute the instruction at `rip` with this stack pointer: until the handler of
   * an interrupt has returned. False when it does not in time.
   */
  returnTo(at: { readonly rip: bigint; readonly rsp: bigint }): Promise<boolean>;
  /** Whether a guest-physical address is RAM. */
  isRam(physical: bigint): boolean;
}

/** Bounds of {@link followLoop}. */
export interface FollowLimits {
  readonly steps: number;
  /** Visits to one address, each time with other registers, that are taken for counting. */
  readonly visits: number;
  /** Milliseconds. */
  readonly forMs: number;
  readonly nowMs: () => number;
}

const LONGEST_INSTRUCTION = 15;
/** Steps until one is believed not to move. */
const MOST_UNMOVED = 4;
/** Interrupts that may come in while a vCPU is followed. */
const MOST_INTERRUPTS = 16;
const INTERRUPT_FLAG = 0x200n;

/**
 * Steps a vCPU until its whole state recurs: all registers, and every byte that it stored in between. A computer without
 * input that is twice in the same state is there for ever. It ends without that proof at an instruction that sees more
 * than registers and RAM, and at the bounds.
 *
 * A step may end where it began: under KVM one after a write to the local APIC's EOI did (measured, QEMU 7.2). It is
 * taken again, and is no round of a loop. KVM on hosts before Linux 5.15 does not keep interrupts from a vCPU that is
 * stepped (KVM_GUESTDBG_BLOCKIRQ): when one comes in, its handler runs, and following starts over behind it.
 */
export async function followLoop(vcpu: SteppedVcpu, limits: FollowLimits): Promise<LoopFinding> {
  let trace = createLoopTrace(limits.visits);
  let interrupts = 0;
  const untilMs = limits.nowMs() + limits.forMs;
  const stores: PlacedAccess[] = [];
  const code = new Map<bigint, Uint8Array>();
  const ended = (kind: Obstacle['kind'], why: string): LoopFinding => ({
    kind,
    why,
    steps: trace.steps,
  });
  let registers = await vcpu.registers();
  for (;;) {
    const visit = trace.visit(registers);
    if (visit.kind === 'counts') return ended('works', 'it counts: its registers differ each time round');
    if (visit.kind === 'same-registers') {
      const same = await holds(vcpu, trace.heldBefore(visit.step));
      if (same) {
        const loop = trace.since(visit.step);
        const reads: PlacedAccess[] = [];
        for (const read of readFromOutside(loop, registers.rsp)) {
          const placed = await place(vcpu, read);
          if (typeof placed === 'string') return ended('unknown', `it reads memory ${placed}`);
          reads.push(placed);
        }
        const came = interrupts === 0 ? {} : { interrupts };
        const changing = stores.filter((store) => !isConstant(store, loop));
        return {
          kind: 'recurs',
          steps: trace.steps,
          loop,
          reads,
          stores: changing,
          stack: registers.rsp,
          ...came,
        };
      }
      trace.storedAnew = true;
    }
    if (trace.steps >= limits.steps || limits.nowMs() >= untilMs) {
      return ended(
        'works',
        trace.storedAnew
          ? 'it stores something new each time round'
          : `its state did not recur within ${trace.steps} instructions`,
      );
    }
    const planned = await plan(vcpu, { registers, code });
    if ('kind' in planned) return ended(planned.kind, planned.why);
    const next = planned.at(-1)?.effects.next ?? [];
    const canStay = next.includes(registers.rip);
    // A jump to itself, with `pause` before it or not: each step ends where it began.
    const most = canStay && next.length === 1 ? 1 : MOST_UNMOVED;
    let after = registers;
    for (let tries = 0; tries < most && isSameState(registers, after); tries += 1) {
      if (!(await vcpu.step())) return ended('unknown', 'a step of it did not end');
      after = await vcpu.registers();
    }
    if (isSameState(registers, after) && !canStay) return ended('unknown', 'a step of it did not move');
    const executed = executedOf(planned, { from: registers, to: after });
    if (executed === undefined) {
      const why = `an exception came at ${planned[0]?.effects.text}`;
      const back = await interruptedAt(vcpu, { planned, from: registers, handler: after });
      interrupts += 1;
      // Its handler works: it may go on behind the instruction, as the fixups of faults do.
      if (back === undefined || interrupts > MOST_INTERRUPTS) return ended('works', why);
      if (!(await vcpu.returnTo({ rip: back, rsp: registers.rsp })))
        return ended('unknown', 'an interrupt came, and its handler did not return');
      trace = createLoopTrace(limits.visits);
      registers = await vcpu.registers();
      continue;
    }
    for (const { address, effects, before, placed } of executed) {
      trace.step({ address, text: effects.text, reads: effects.reads, stores: before });
      stores.push(...placed);
    }
    registers = after;
  }
}

/** One instruction that a step is about to execute. */
interface Planned {
  readonly address: bigint;
  readonly effects: Effects;
  /** What it is about to overwrite. */
  readonly before: readonly Store[];
  readonly placed: readonly PlacedAccess[];
}

/** Why an instruction cannot be followed. */
interface Obstacle {
  readonly kind: 'waits' | 'works' | 'unknown';
  readonly why: string;
}

interface At {
  readonly registers: Registers;
  readonly code: Map<bigint, Uint8Array>;
}

/** Instructions in a row that are `pause`. */
const MOST_PAUSES = 1024;

/** Instructions that change nothing but RIP, and at which QEMU leaves its loop. */
const PAUSES: ReadonlySet<string> = new Set(['pause', 'mwait']);

/**
 * The instructions of the next step. It is one, except that QEMU leaves its loop at `pause` without counting that as a
 * step, and executes the next instruction as well (QEMU 7.2, target/i386/tcg/misc_helper.c, do_pause()). `mwait` is the
 * same on a machine with two vCPUs or more (helper_mwait()).
 */
async function plan(vcpu: SteppedVcpu, { registers, code }: At): Promise<readonly Planned[] | Obstacle> {
  const planned: Planned[] = [];
  let at = registers;
  for (let count = 0; count <= MOST_PAUSES; count += 1) {
    const one = await planOne(vcpu, { registers: at, code });
    if ('kind' in one) return one;
    planned.push(one);
    if (!PAUSES.has(one.effects.text)) return planned;
    at = { ...registers, rip: one.address + BigInt(one.effects.length) };
  }
  return { kind: 'unknown', why: `it pauses more than ${MOST_PAUSES} times in a row` };
}

async function planOne(vcpu: SteppedVcpu, { registers, code }: At): Promise<Planned | Obstacle> {
  const { rip } = registers;
  const bytes = code.get(rip) ?? (await codeAt(vcpu, rip));
  const effects = bytes === undefined ? undefined : effectsOf(bytes, registers);
  if (bytes === undefined || effects === undefined)
    return { kind: 'unknown', why: 'its instructions cannot be read' };
  code.set(rip, bytes);
  if (effects.outside !== undefined) {
    const { kind, why } = effects.outside;
    return { kind: kind === 'time' ? 'waits' : kind === 'acts' ? 'works' : 'unknown', why: `it ${why}` };
  }
  const before: Store[] = [];
  const placed: PlacedAccess[] = [];
  for (const access of [...effects.reads, ...effects.writes]) {
    const found = await place(vcpu, access);
    if (found === 'across pages') return { kind: 'unknown', why: 'it uses memory across pages' };
    // Its handler works, as behind any other exception.
    if (found === 'not mapped')
      return { kind: 'works', why: `it uses memory that is not mapped, at ${effects.text}` };
    const isStore = effects.writes.includes(access);
    if (!vcpu.isRam(found.physical)) {
      return {
        kind: 'waits',
        why: `it ${isStore ? 'writes' : 'reads'} a device, at physical ${hex(found.physical)}`,
      };
    }
    if (!isStore) continue;
    const held = await vcpu.read(access.address, access.length);
    if (held === undefined) return { kind: 'unknown', why: 'memory that it stores to cannot be read' };
    before.push({ ...access, before: held });
    placed.push(found);
  }
  return { address: rip, effects, before, placed };
}

/** Which of the planned instructions were executed: all, or the first alone. Undefined after an exception. */
function executedOf(
  planned: readonly Planned[],
  { from, to }: { readonly from: Registers; readonly to: Registers },
): readonly Planned[] | undefined {
  const last = planned.at(-1);
  if (last !== undefined && !landedElsewhere(last.effects, from, to)) return planned;
  const first = planned.slice(0, 1);
  return first.every(({ effects }) => !landedElsewhere(effects, from, to)) ? first : undefined;
}

/** An exception's frame moves RSP, and its handler is elsewhere. */
function landedElsewhere(effects: Effects, from: Registers, to: Registers): boolean {
  if (effects.next !== undefined) return !effects.next.includes(to.rip);
  return to.rsp !== BigInt.asUintN(64, from.rsp + effects.stackBytes);
}

/**
 * Whether a store is one of the loop's and writes what is there already: `xchg` of a lock word that is 1 with 1, a
 * `cmpxchg` that fails. Memory is again what it was after a round, so that equal bytes before all stores to a place mean
 * that none of them changes it.
 */
function isConstant(store: Access, loop: readonly TracedStep[]): boolean {
  const inLoop = loop.flatMap(({ stores }) => stores);
  return bytesOf(store).every((at) => {
    const held = new Set(
      inLoop
        .filter((other) => overlap(other, { address: at, length: 1 }))
        .map(({ address, before }) => before[Number(at - address)]),
    );
    return held.size === 1;
  });
}

/**
 * Where an interrupt's handler returns to, if the vCPU is at its first instruction: the stack holds RIP, CS, RFLAGS and
 * RSP of the interrupted code (Intel SDM volume 3, 6.14.2). An exception with an error code has another frame, and one
 * without returns to no place of a vCPU that was stepped with interrupts on.
 */
async function interruptedAt(
  vcpu: SteppedVcpu,
  { planned, from, handler }: { planned: readonly Planned[]; from: Registers; handler: Registers },
): Promise<bigint | undefined> {
  if ((from.rflags & INTERRUPT_FLAG) === 0n || (handler.rflags & INTERRUPT_FLAG) !== 0n) return undefined;
  const frame = await vcpu.read(handler.rsp, 32);
  if (frame === undefined) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const [rip, cs, rsp] = [0, 8, 24].map((offset) => view.getBigUint64(offset, true));
  if (rip === undefined || cs !== from.cs || rsp !== from.rsp) return undefined;
  const places = [from.rip, ...planned.flatMap(({ address, effects }) => [address, ...(effects.next ?? [])])];
  return places.includes(rip) ? rip : undefined;
}

/** Whether memory holds these bytes now. */
async function holds(vcpu: SteppedVcpu, wanted: ReadonlyMap<bigint, number>): Promise<boolean> {
  for (const { address, length } of rangesOf(wanted.keys())) {
    const now = await vcpu.read(address, length);
    if (now === undefined) return false;
    for (const [index, byte] of now.entries()) {
      if (wanted.get(address + BigInt(index)) !== byte) return false;
    }
  }
  return true;
}

const PAGE = 4096n;

async function place(
  vcpu: SteppedVcpu,
  access: Access,
): Promise<PlacedAccess | 'across pages' | 'not mapped'> {
  const last = access.address + BigInt(access.length) - 1n;
  if (access.address / PAGE !== last / PAGE) return 'across pages';
  const physical = await vcpu.physicalOf(access.address);
  return physical === undefined ? 'not mapped' : { ...access, physical };
}

/** The bytes of one instruction; the next page may not be mapped. */
async function codeAt(vcpu: SteppedVcpu, rip: bigint): Promise<Uint8Array | undefined> {
  const whole = await vcpu.read(rip, LONGEST_INSTRUCTION);
  if (whole !== undefined) return whole;
  const inPage = Number(PAGE - (rip % PAGE));
  return inPage < LONGEST_INSTRUCTION ? vcpu.read(rip, inPage) : undefined;
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}
