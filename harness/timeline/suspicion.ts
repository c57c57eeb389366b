import type { HangShape, VcpuState } from '../model/event.js';
import type { Shape } from './hang.js';

/** A steady shape that may be a hang, and asks for an examination. */
export interface Suspicion extends Shape {
  readonly shape: Exclude<HangShape, 'all-vcpus-halted'>;
}

/** Watches for a guest that seems to stand still. */
export interface SuspicionDetector {
  /** The guest sent bytes on the console or the control channel: it works. */
  heard(): void;
  /** The machine was stopped and examined; what samples showed before does not count. */
  examined(): void;
  /** The next sample of all vCPUs; a suspicion when they have stood still for long enough. */
  sample(atMs: number, vcpus: readonly VcpuState[]): Suspicion | undefined;
  /** Since when the vCPUs stand still, across examinations; undefined while they move. */
  readonly sinceMs: number | undefined;
}

/** More distinct instruction addresses of one vCPU are progress (measured: a booting kernel ~94 in 175 samples). */
const MOST_ADDRESSES = 12;
const MIN_SAMPLES = 5;
/** How long a shape must be steady before each of the examinations in a row; the last one repeats. */
const STEADY_MS = [2_000, 4_000, 8_000, 16_000, 30_000];

/**
 * Suspects a guest whose vCPUs each stay at a handful of addresses, asleep or running, while it prints nothing. That is
 * no proof: a delay, a digest, a wait for a timer and an idle system look the same. It comes again with growing pauses
 * while the shape lasts.
 */
export function createSuspicionDetector(): SuspicionDetector {
  let addresses = new Map<number, Set<string>>();
  let windowMs: number | undefined;
  let sinceMs: number | undefined;
  let samples = 0;
  let raised = 0;
  const begin = () => {
    addresses = new Map();
    windowMs = undefined;
    samples = 0;
  };
  const progress = () => {
    begin();
    sinceMs = undefined;
    raised = 0;
  };
  return {
    get sinceMs() {
      return sinceMs;
    },
    heard: progress,
    examined: begin,
    sample(atMs, vcpus) {
      const awake = vcpus.filter(({ halted, interruptsOn }) => !halted || interruptsOn);
      if (awake.length === 0) {
        progress();
        return undefined;
      }
      for (const { index, rip, halted } of vcpus) {
        const seen = addresses.get(index) ?? new Set();
        seen.add(halted ? `${rip} halted` : rip);
        addresses.set(index, seen);
      }
      if ([...addresses.values()].some(({ size }) => size > MOST_ADDRESSES)) {
        progress();
        return undefined;
      }
      windowMs ??= atMs;
      sinceMs ??= atMs;
      samples += 1;
      const steadyMs = STEADY_MS[Math.min(raised, STEADY_MS.length - 1)] ?? 0;
      const few = Math.floor(samples / 2) + 1;
      const isSteady = [...addresses.values()].every(({ size }) => size <= few);
      if (samples < MIN_SAMPLES || atMs - windowMs < steadyMs || !isSteady) return undefined;
      raised += 1;
      begin();
      const shape = awake.every(({ halted }) => halted) ? 'idle-forever' : 'spin';
      return { shape, forMs: atMs - sinceMs, vcpus };
    },
  };
}
