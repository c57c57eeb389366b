import type { VcpuState } from '../model/event.js';
import type { Hang } from './hang.js';

const MIN_SAMPLES = 5;

/** Watches for a capture kernel that sleeps and is never woken. */
export interface IdleDetector {
  /** The guest sent bytes on the console or the control channel: it was awake. */
  heard(): void;
  /** The next sample of all vCPUs; a hang when the shape has lasted long enough. */
  sample(atMs: number, vcpus: readonly VcpuState[]): Hang | undefined;
}

/**
 * A capture kernel whose timer is dead stays in `hlt` with interrupts on, at one instruction, forever (measured:
 * nolapic, QEMU 7.2, v6.1). A healthy one that waits looks the same while it waits: in the recordings a second at most.
 * So it is reported only when every sample for `limitMs` shows the capture kernel's vCPUs halted with interrupts on,
 * each at one address, all others parked, and the guest has sent nothing in that time. Idle vCPUs of the crashed kernel
 * do not count: being idle is normal there.
 */
export function createIdleDetector(limitMs: number): IdleDetector {
  let shape: string | undefined;
  let sinceMs = 0;
  let samples = 0;
  return {
    heard() {
      shape = undefined;
    },
    sample(atMs, vcpus) {
      const now = idleShape(vcpus);
      if (now !== shape) {
        shape = now;
        sinceMs = atMs;
        samples = 0;
      }
      if (now === undefined) return undefined;
      samples += 1;
      const forMs = atMs - sinceMs;
      if (samples < MIN_SAMPLES || forMs < limitMs) return undefined;
      return { shape: 'idle-forever', forMs, vcpus };
    },
  };
}

/** The sleeping vCPUs and their addresses as a text to compare; undefined for another shape. */
function idleShape(vcpus: readonly VcpuState[]): string | undefined {
  const waiting = vcpus.filter(({ interruptsOn }) => interruptsOn);
  const asleep =
    waiting.length > 0 &&
    vcpus.every(({ halted }) => halted) &&
    waiting.every(({ place }) => place === 'capture-kernel');
  return asleep ? waiting.map(({ index, rip }) => `${index}@${rip}`).join(' ') : undefined;
}
