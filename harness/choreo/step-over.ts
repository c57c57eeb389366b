import {
  GdbError,
  GdbTimeoutError,
  type GdbStop,
  type Registers,
  type Watch,
} from '../qemu/gdbstub/index.js';
import type { Disassembled } from '../symbols/index.js';
import { lookAt } from '../autopsy/inspect-vcpu.js';
import { NotReached, type WalkStage } from './context.js';

/** A stub may stop once more where it stood. */
const STEP_ATTEMPTS = 4;

/** What a vCPU is to go over, and how long it may take. */
export interface Over {
  readonly instruction: Pick<Disassembled, 'address' | 'length' | 'flow'>;
  /** Where the vCPU stands: before the instruction. */
  readonly registers: Registers;
  readonly bits: 64 | 32;
  /** Of the host's monotonic clock (`performance.now()`), milliseconds. */
  readonly untilMs: number;
  /** How long a call may take with a breakpoint behind it; 0 for one that is known to be slow so. */
  readonly patienceMs: number;
  /** What it is done for, as a void run's reason says it. */
  readonly purpose: string;
}

/** Executes one instruction; a step that only delivered what was pending to the debugger did not execute it. */
export async function stepOnce(
  vcpu: number,
  stage: WalkStage,
  { registers: { rip, rsp }, purpose }: Pick<Over, 'registers' | 'purpose'>,
): Promise<void> {
  for (let attempt = 0; attempt < STEP_ATTEMPTS; attempt += 1) {
    await requireTrap(await stage.gdb.step(vcpu), { vcpu, stage, purpose });
    const now = await stage.gdb.readRegisters(vcpu);
    if (now.rip !== rip || now.rsp !== rsp) return;
  }
  throw new NotReached(
    purpose,
    `the instruction did not advance in ${STEP_ATTEMPTS} steps; ${await lookAt(vcpu, stage)}`,
  );
}

/**
 * Runs a stopped vCPU, alone, until the call or the repeated string instruction that it stands at is done. There are
 * two ways to notice, and under TCG either may be slow. With a breakpoint behind the instruction, all code on that page
 * is translated one instruction at a time (accel/tcg/cpu-exec.c, check_for_breakpoints(), 7.2): a decompressor's inner
 * loop that lies there needs minutes. With the stack slot of the return address watched, every access to that page of
 * the stack is slow: a digest, which has its words there, took 17 s instead of 2. So a call is given `patienceMs` with
 * the breakpoint, then its slot is watched. Returns whether it was. Throws NotReached when the time is up, or the
 * guest dies.
 */
export async function stepOver(vcpu: number, stage: WalkStage, over: Over): Promise<'breakpoint' | 'watch'> {
  if (over.instruction.flow !== 'call') {
    await runBehind(vcpu, stage, over);
    return 'breakpoint';
  }
  // The call itself writes the slot: it is watched from the callee's first instruction on.
  await stepOnce(vcpu, stage, over);
  const { rsp: slot } = await stage.gdb.readRegisters(vcpu);
  const patience = Math.min(performance.now() + over.patienceMs, over.untilMs);
  if (over.patienceMs > 0 && (await runBehind(vcpu, stage, { ...over, untilMs: patience }, 'give up')))
    return 'breakpoint';
  await runToReturn(vcpu, stage, { over, slot });
  return 'watch';
}

async function runToReturn(
  vcpu: number,
  stage: WalkStage,
  { over, slot }: { over: Over; slot: bigint },
): Promise<void> {
  // For any access: x86 debug registers know no pure read.
  const watch: Watch = { length: over.bits === 64 ? 8 : 4, access: 'access' };
  await stage.gdb.setWatchpoint(slot, watch);
  try {
    // Others may look at the slot, an unwinder for example: only the return leaves the stack as it was.
    while (!(await isDone(vcpu, stage, over))) {
      if (!(await runOn(vcpu, stage, over))) await late(vcpu, stage, over);
    }
  } finally {
    await stage.gdb.removeWatchpoint(slot, watch).catch(ignoreGone);
  }
}

/** Returns false when the time is up and the caller does not want that thrown; the vCPU stands anywhere then. */
async function runBehind(
  vcpu: number,
  stage: WalkStage,
  over: Over,
  whenLate: 'throw' | 'give up' = 'throw',
): Promise<boolean> {
  const { gdb } = stage;
  const behind = behindOf(over);
  while (!(await isDone(vcpu, stage, over))) {
    // Here with another stack: a function that calls itself, an interrupt's handler. It is taken off the breakpoint.
    const { rip } = await gdb.readRegisters(vcpu);
    if (rip === behind) await gdb.step(vcpu);
    await gdb.setBreakpoint(behind, 'hardware');
    let stopped: boolean;
    try {
      stopped = await runOn(vcpu, stage, over);
    } finally {
      await gdb.removeBreakpoint(behind, 'hardware').catch(ignoreGone);
    }
    if (stopped) continue;
    if (whenLate === 'give up') return isDone(vcpu, stage, over);
    await late(vcpu, stage, over);
  }
  return true;
}

/** Lets the vCPU run, alone, up to its next stop; false when the time is up, and it was stopped for that. */
async function runOn(vcpu: number, stage: WalkStage, { untilMs, purpose }: Over): Promise<boolean> {
  const { gdb } = stage;
  try {
    await gdb.continueVcpus([vcpu]);
    const stop = await gdb.waitForStop({ deadlineMs: Math.max(1, untilMs - performance.now()) });
    await requireTrap(stop, { vcpu, stage, purpose });
    return true;
  } catch (error) {
    if (!(error instanceof GdbTimeoutError)) throw error;
    await gdb.interrupt();
    return false;
  }
}

async function late(vcpu: number, stage: WalkStage, over: Over): Promise<never> {
  throw new NotReached(
    over.purpose,
    `0x${behindOf(over).toString(16)} was not reached in time; ${await lookAt(vcpu, stage)}`,
  );
}

async function isDone(vcpu: number, stage: WalkStage, over: Over): Promise<boolean> {
  const { rip, rsp } = await stage.gdb.readRegisters(vcpu);
  return rip === behindOf(over) && rsp === over.registers.rsp;
}

/** The address behind the instruction: a call's return address. */
function behindOf({ instruction }: Over): bigint {
  return instruction.address + BigInt(instruction.length);
}

async function requireTrap(
  { reason }: GdbStop,
  { vcpu, stage, purpose }: { vcpu: number; stage: WalkStage; purpose: string },
): Promise<void> {
  if (reason.kind === 'trap' || reason.kind === 'watchpoint') return;
  throw new NotReached(purpose, `the guest stopped: ${reason.kind}; ${await lookAt(vcpu, stage)}`);
}

/** QEMU may be gone while it is cleaned up; what ended the walk says so. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof GdbError)) throw error;
}
