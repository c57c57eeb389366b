import type { Stop } from '../machine/debugger.js';
import { inspectVcpu } from '../autopsy/inspect-vcpu.js';
import { GdbError, type Registers, type Watch } from '../qemu/gdbstub/index.js';
import type { Disassembled } from '../symbols/index.js';
import type { TraceContext } from './context.js';
import { instructionAt } from './instruction-at.js';
import { NotReached } from './not-reached.js';
import { stepWithin, stopWithin } from './stop-within.js';

/** A step may end at the same instruction. */
const STEP_ATTEMPTS = 4;

/** The instruction that a vCPU steps over, and how long that may take. */
export interface Over {
  readonly instruction: Pick<Disassembled, 'address' | 'length' | 'flow'>;
  /** The vCPU's registers before the instruction. */
  readonly registers: Registers;
  readonly bits: 64 | 32;
  /** Deadline in the guest's own time, milliseconds. */
  readonly untilMs: number;
  /** How long a call may take with a breakpoint behind it; 0 for a call that is known to be slow with one. */
  readonly patienceMs: number;
  /** The purpose, named in a void run's reason. */
  readonly purpose: string;
}

/**
 * Executes one instruction; repeats a step that only delivered a pending stop to the debugger. Returns the registers
 * behind it.
 */
export async function stepOnce(
  vcpu: number,
  context: TraceContext,
  { registers: { rip, rsp }, purpose }: Pick<Over, 'registers' | 'purpose'>,
): Promise<Registers> {
  for (let attempt = 0; attempt < STEP_ATTEMPTS; attempt += 1) {
    await requireTrap(await stepWithin(vcpu, context, purpose), { vcpu, context, purpose });
    const now = await context.gdb.readRegisters(vcpu);
    if (now.rip !== rip || now.rsp !== rsp) return now;
  }
  throw new NotReached(
    purpose,
    `the instruction did not advance in ${STEP_ATTEMPTS} steps; ${await inspectVcpu(vcpu, context)}`,
  );
}

/**
 * Runs a stopped vCPU, alone, until the call or the repeated string instruction at its RIP is done. A breakpoint or a
 * watchpoint detects that, and under TCG either may be slow. With a breakpoint behind the instruction, all code on that
 * page is translated one instruction at a time (accel/tcg/cpu-exec.c, check_for_breakpoints(), 7.2): a decompressor's
 * inner loop on that page needs minutes. With a watchpoint on the stack slot of the return address, every access to
 * that page of the stack is slow: a digest with its data there took 17 s instead of 2. So a call runs for `patienceMs`
 * with the breakpoint, then with the watchpoint. Returns which of the two detected the return. Throws NotReached when
 * the time is up, or the guest dies.
 */
export async function stepOver(
  vcpu: number,
  context: TraceContext,
  over: Over,
): Promise<'breakpoint' | 'watch'> {
  if (over.instruction.flow !== 'call') {
    await runBehind(vcpu, context, over);
    return 'breakpoint';
  }
  // The call itself writes the slot, so the watchpoint is set at the callee's first instruction.
  const { rsp: slot } = await stepOnce(vcpu, context, over);
  const patience = Math.min(context.nowMs() + over.patienceMs, over.untilMs);
  if (over.patienceMs > 0 && (await runBehind(vcpu, context, { ...over, untilMs: patience }, 'give up')))
    return 'breakpoint';
  await runToReturn(vcpu, context, { over, slot });
  return 'watch';
}

/** Runs a stopped vCPU, alone, until the call at its RIP has returned. Throws NotReached when it does not. */
export async function stepOverCall(vcpu: number, context: TraceContext, withinMs: number): Promise<void> {
  const registers = await context.gdb.readRegisters(vcpu);
  const own = (await context.vcpuRegisters()).find(({ index }) => index === vcpu);
  const bits = own?.codeIs64Bit === true ? 64 : 32;
  const { instruction } = await instructionAt(vcpu, context, { address: registers.rip, bits });
  const purpose = `step over ${instruction.text}`;
  if (instruction.flow !== 'call')
    throw new NotReached(purpose, `it is not a call; ${await inspectVcpu(vcpu, context)}`);
  const untilMs = context.nowMs() + withinMs;
  await stepOver(vcpu, context, { instruction, registers, bits, untilMs, patienceMs: 0, purpose });
}

async function runToReturn(
  vcpu: number,
  context: TraceContext,
  { over, slot }: { over: Over; slot: bigint },
): Promise<void> {
  // For any access: x86 debug registers know no pure read.
  const watch: Watch = { length: over.bits === 64 ? 8 : 4, access: 'access' };
  await context.gdb.setWatchpoint(slot, watch);
  try {
    // Other code may access the slot, an unwinder for example: only the return restores the stack pointer.
    while (!(await isDone(vcpu, context, over))) {
      if (!(await runOn(vcpu, context, over))) await late(vcpu, context, over);
    }
  } finally {
    await context.gdb.removeWatchpoint(slot, watch).catch(ignoreGone);
  }
}

/** Returns false when the time is up and the caller does not want an error; the vCPU may be anywhere then. */
async function runBehind(
  vcpu: number,
  context: TraceContext,
  over: Over,
  whenLate: 'throw' | 'give up' = 'throw',
): Promise<boolean> {
  const { gdb } = context;
  const behind = behindOf(over);
  while (!(await isDone(vcpu, context, over))) {
    // At the breakpoint with another stack (recursion, an interrupt's handler): step off the breakpoint.
    const { rip } = await gdb.readRegisters(vcpu);
    if (rip === behind) await stepWithin(vcpu, context, over.purpose);
    await gdb.setBreakpoint(behind, 'hardware');
    let stopped: boolean;
    try {
      stopped = await runOn(vcpu, context, over);
    } finally {
      await gdb.removeBreakpoint(behind, 'hardware').catch(ignoreGone);
    }
    if (stopped) continue;
    if (whenLate === 'give up') return isDone(vcpu, context, over);
    await late(vcpu, context, over);
  }
  return true;
}

/** Lets the vCPU run, alone, up to its next stop; false when the time is up and it was interrupted. */
async function runOn(vcpu: number, context: TraceContext, { untilMs, purpose }: Over): Promise<boolean> {
  const { gdb } = context;
  await gdb.continueVcpus([vcpu]);
  const stop = await stopWithin(context, untilMs);
  if (stop === undefined) {
    await gdb.interrupt();
    return false;
  }
  await requireTrap(stop, { vcpu, context, purpose });
  return true;
}

async function late(vcpu: number, context: TraceContext, over: Over): Promise<never> {
  throw new NotReached(
    over.purpose,
    `0x${behindOf(over).toString(16)} was not reached in time; ${await inspectVcpu(vcpu, context)}`,
  );
}

async function isDone(vcpu: number, context: TraceContext, over: Over): Promise<boolean> {
  const { rip, rsp } = await context.gdb.readRegisters(vcpu);
  return rip === behindOf(over) && rsp === over.registers.rsp;
}

/** The address behind the instruction: a call's return address. */
function behindOf({ instruction }: Over): bigint {
  return instruction.address + BigInt(instruction.length);
}

async function requireTrap(
  { reason }: Stop,
  { vcpu, context, purpose }: { vcpu: number; context: TraceContext; purpose: string },
): Promise<void> {
  if (reason.kind === 'trap' || reason.kind === 'watchpoint') return;
  throw new NotReached(purpose, `the guest stopped: ${reason.kind}; ${await inspectVcpu(vcpu, context)}`);
}

/** QEMU may be gone during the cleanup; the error that ended the trace reports it. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof GdbError)) throw error;
}
