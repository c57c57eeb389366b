import type { HangShape, VcpuState } from '../model/event.js';

/** How long a shape must last to be called a hang, milliseconds. */
export interface HangLimits {
  readonly haltedHangMs: number;
  readonly spinHangMs: number;
  readonly idleHangMs: number;
}

/** A detected hang: its shape, how long it had lasted at detection, and the vCPUs at that moment. */
export interface Hang {
  readonly shape: HangShape;
  readonly forMs: number;
  readonly vcpus: readonly VcpuState[];
}

/** More distinct instruction addresses than this are progress, not a spin (measured: a booting kernel ~94 in 175). */
const SPIN_ADDRESSES = 12;
const MIN_SAMPLES = 5;

/** The shapes that this detector knows; idle-hang.ts detects a sleep that never ends. */
type StillShape = Exclude<HangShape, 'idle-forever'>;

/**
 * The crashed kernel's longest legitimate spin is the 1,000 ms that it waits for the shootdown
 * (arch/x86/kernel/reboot.c, nmi_shootdown_cpus(), v6.1); purgatory needs longer, as it digests the whole crash image.
 * So a spin in the crashed kernel counts as a hang after this fraction of the limit.
 */
const CRASHED_KERNEL_PART = 1 / 4;

/**
 * Watches samples of all vCPUs for the two shapes that cannot end by themselves: every vCPU halted with interrupts off
 * (only an NMI could wake one), and one vCPU in kernel mode with interrupts off looping over a handful of instructions
 * while the rest are halted with interrupts off.
 */
export function createHangDetector(
  limits: Pick<HangLimits, 'haltedHangMs' | 'spinHangMs'>,
): (atMs: number, vcpus: readonly VcpuState[]) => Hang | undefined {
  let current: StillShape | undefined;
  let spinner: number | undefined;
  let sinceMs = 0;
  let samples = 0;
  let addresses = new Set<string>();
  return (atMs, vcpus) => {
    const shape = shapeOf(vcpus);
    const running = shape === 'spin' ? vcpus.find((vcpu) => !vcpu.halted) : undefined;
    if (running !== undefined) addresses.add(running.rip);
    if (shape !== current || running?.index !== spinner || addresses.size > SPIN_ADDRESSES) {
      current = shape;
      spinner = running?.index;
      sinceMs = atMs;
      samples = 0;
      addresses = new Set(running === undefined ? [] : [running.rip]);
    }
    if (shape === undefined) return undefined;
    samples += 1;
    const forMs = atMs - sinceMs;
    const part = running?.place === 'first-kernel' ? CRASHED_KERNEL_PART : 1;
    const limitMs = shape === 'spin' ? limits.spinHangMs * part : limits.haltedHangMs;
    return samples >= MIN_SAMPLES && forMs >= limitMs ? { shape, forMs, vcpus } : undefined;
  };
}

function shapeOf(vcpus: readonly VcpuState[]): StillShape | undefined {
  if (vcpus.length === 0) return undefined;
  const running = vcpus.filter((vcpu) => !(vcpu.halted && !vcpu.interruptsOn));
  if (running.length === 0) return 'all-vcpus-halted';
  const [only] = running;
  if (running.length > 1 || only === undefined || only.halted || only.interruptsOn) return undefined;
  return only.place === 'user' || only.place === 'firmware' ? undefined : 'spin';
}
