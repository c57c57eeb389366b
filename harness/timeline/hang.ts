import type { VcpuState } from '../model/event.js';

/** How long the shape must last to be called a hang, milliseconds. */
export interface HangLimits {
  readonly haltedHangMs: number;
}

/** A detected shape: how long it had lasted at detection, and the vCPUs at that moment. */
export interface Shape {
  readonly forMs: number;
  readonly vcpus: readonly VcpuState[];
}

const MIN_SAMPLES = 5;

/**
 * Watches samples of all vCPUs for the one shape that cannot end by itself: every vCPU halted with interrupts off. Only an
 * NMI could wake one, and no vCPU is left to send it; that no device sends one is for an examination to find.
 */
export function createHangDetector({
  haltedHangMs,
}: HangLimits): (atMs: number, vcpus: readonly VcpuState[]) => Shape | undefined {
  let sinceMs = 0;
  let samples = 0;
  return (atMs, vcpus) => {
    if (!allHalted(vcpus)) {
      samples = 0;
      return undefined;
    }
    if (samples === 0) sinceMs = atMs;
    samples += 1;
    const forMs = atMs - sinceMs;
    return samples >= MIN_SAMPLES && forMs >= haltedHangMs ? { forMs, vcpus } : undefined;
  };
}

/** Whether every vCPU is halted with interrupts off. */
export function allHalted(vcpus: readonly VcpuState[]): boolean {
  return vcpus.length > 0 && vcpus.every((vcpu) => vcpu.halted && !vcpu.interruptsOn);
}
