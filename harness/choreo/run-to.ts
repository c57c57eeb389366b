import { inspectVcpus } from '../autopsy/inspect-vcpu.js';
import { GdbTimeoutError } from '../qemu/gdbstub/index.js';
import type { CodeLocation } from './code-location.js';
import type { ChoreographyContext } from './context.js';
import { NotReached } from './not-reached.js';

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
  const untilMs = performance.now() + withinMs;
  await gdb.setBreakpoint(location.address, 'hardware');
  try {
    do {
      await gdb.continueVcpus(running);
      const { vcpu } = await gdb.waitForStop({ deadlineMs: Math.max(1, untilMs - performance.now()) });
      const at = vcpu === undefined ? undefined : (await gdb.readRegisters(vcpu)).rip;
      if (vcpu === undefined || at !== location.address) continue;
      if ((wanted === undefined || wanted === vcpu) && (await accept())) return vcpu;
      // Another vCPU came first, or this one for another reason: step it off the breakpoint by one instruction.
      await gdb.removeBreakpoint(location.address, 'hardware');
      await gdb.step(vcpu);
      await gdb.setBreakpoint(location.address, 'hardware');
    } while (performance.now() <= untilMs);
  } catch (error) {
    if (!(error instanceof GdbTimeoutError)) throw error;
    await gdb.interrupt();
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
