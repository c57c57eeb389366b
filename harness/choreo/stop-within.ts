import { inspectVcpu } from '../autopsy/inspect-vcpu.js';
import type { Stop } from '../machine/debugger.js';
import { isSameState } from '../standstill/loop-trace.js';
import { GdbTimeoutError } from '../qemu/gdbstub/index.js';
import type { TraceContext } from './context.js';
import { NotReached } from './not-reached.js';

/** A step takes a millisecond; on a busy host it waits for several threads in turn. */
const STEP_MS = 5_000;
/** A deadline that has not passed by the guest's own time is looked at again after this long, or later. */
const LOOK_AGAIN_MS = 250;

/** The next stop; undefined when the guest's own time is up: the vCPUs run then. */
export async function stopWithin(
  { gdb, nowMs }: Pick<TraceContext, 'gdb' | 'nowMs'>,
  untilMs: number,
): Promise<Stop | undefined> {
  let leftMs = Math.max(1, untilMs - nowMs());
  for (;;) {
    try {
      return await gdb.waitForStop({ deadlineMs: leftMs });
    } catch (error) {
      if (!(error instanceof GdbTimeoutError)) throw error;
    }
    leftMs = untilMs - nowMs();
    if (leftMs <= 0) return undefined;
    leftMs = Math.max(leftMs, LOOK_AGAIN_MS);
  }
}

/**
 * Executes one instruction on one vCPU. One that never ends makes the run void and is no failure of crashpath: a vCPU in
 * `hlt` with interrupts off, and under KVM one that waits for its start-up IPI, does not return from a step (measured,
 * QEMU 7.2). Throws NotReached then, with the machine stopped.
 */
export async function stepWithin(vcpu: number, context: TraceContext, purpose: string): Promise<Stop> {
  const deadlineMs = STEP_MS * context.deadlineScale;
  const untilMs = context.nowMs() + deadlineMs;
  try {
    return await context.gdb.step(vcpu, { deadlineMs });
  } catch (error) {
    if (!(error instanceof GdbTimeoutError)) throw error;
  }
  const stop = context.nowMs() < untilMs ? await stopWithin(context, untilMs) : undefined;
  if (stop !== undefined) return stop;
  await context.gdb.interrupt();
  throw new NotReached(
    purpose,
    `a step did not end within ${deadlineMs} ms; ${await inspectVcpu(vcpu, context)}`,
  );
}

/** Steps until one is believed not to move. */
const MOST_UNMOVED = 4;

/**
 * As {@link stepWithin}; a step that ends with all registers as they were is taken again: under KVM one did after a write
 * to the local APIC's EOI (measured, QEMU 7.2). An instruction that changes nothing is executed a few times then.
 */
export async function stepOn(vcpu: number, context: TraceContext, purpose: string): Promise<Stop> {
  const before = await context.gdb.readRegisters(vcpu);
  for (let steps = 1; ; steps += 1) {
    const stop = await stepWithin(vcpu, context, purpose);
    if (stop.reason.kind !== 'trap' || steps >= MOST_UNMOVED) return stop;
    if (!isSameState(before, await context.gdb.readRegisters(vcpu))) return stop;
  }
}
