import { inspectVcpus } from '../autopsy/inspect-vcpu.js';
import { GdbTimeoutError } from '../qemu/gdbstub/index.js';
import type { CodeLocation } from './code-location.js';
import type { ChoreographyContext } from './context.js';
import { NotReached } from './not-reached.js';
import { stepWithin, stopWithin } from './stop-within.js';

/** The vCPUs that run to a location, and the deadline. */
export interface RunToOptions {
  readonly running: readonly number[];
  /** The only vCPU that counts, if any. */
  readonly wanted: number | undefined;
  readonly withinMs: number;
  /** Whether the vCPU is at the location for the expected reason. */
  readonly accept?: () => Promise<boolean>;
}

/**
 * Runs vCPUs until one (the wanted one, if any is) is about to execute the location; returns it, all stopped. Throws
 * NotReached when none does in time.
 */
export async function runTo(
  location: CodeLocation,
  context: ChoreographyContext,
  { running, wanted, withinMs, accept = async () => true }: RunToOptions,
): Promise<number> {
  const { gdb } = context;
  const untilMs = context.nowMs() + withinMs;
  await gdb.setBreakpoint(location.address, 'hardware');
  try {
    do {
      await gdb.continueVcpus(running);
      const stop = await stopWithin(context, untilMs);
      if (stop === undefined) break;
      const { vcpu } = stop;
      const at = vcpu === undefined ? undefined : (await gdb.readRegisters(vcpu)).rip;
      if (vcpu === undefined || at !== location.address) continue;
      if ((wanted === undefined || wanted === vcpu) && (await accept())) return vcpu;
      // Another vCPU came first, or this one for another reason: step it off the breakpoint by one instruction.
      await gdb.removeBreakpoint(location.address, 'hardware');
      await stepWithin(vcpu, context, `step off ${location.name}`);
      await gdb.setBreakpoint(location.address, 'hardware');
    } while (context.nowMs() <= untilMs);
  } finally {
    await gdb.interrupt().catch(() => undefined);
    await gdb.removeBreakpoint(location.address, 'hardware').catch(() => undefined);
  }
  throw new NotReached(`reach ${location.name} within ${withinMs} ms`, await inspectVcpus(context));
}

/** Lets one vCPU run, all others held, for a time; a stop before its end counts as the end. */
export async function runAlone(vcpu: number, { gdb }: ChoreographyContext, forMs: number): Promise<void> {
  await gdb.continueVcpus([vcpu]);
  try {
    await gdb.waitForStop({ deadlineMs: forMs });
  } catch (error) {
    if (!(error instanceof GdbTimeoutError)) throw error;
  }
  await gdb.interrupt();
}
