import type { HangShape, VcpuState } from '../model/event.js';
import type { Shape } from './hang.js';

/** A steady shape that may be a hang, and asks for an examination. */
export interface Suspicion extends Shape {
  readonly shape: HangShape;
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

/** A handful of instruction addresses of one vCPU (measured: a booting kernel shows ~94 in 175 samples). */
const MOST_ADDRESSES = 12;
/** A loop of some functions has more: it is one when all of its addresses were seen, and none is new any more. */
const MOST_LOOP_ADDRESSES = 64;
/** So many samples for each address show no new one: a loop in which each is as likely would have shown it. */
const SAMPLES_PER_ADDRESS = 3;
const MIN_SAMPLES = 5;
/** How long a shape must be steady before each of the examinations in a row; the last one repeats. */
const STEADY_MS = [2_000, 4_000, 8_000, 16_000, 30_000];

/**
 * Suspects a guest whose vCPUs each stay at a handful of addresses, asleep or running, or at some more again and again,
 * while it prints nothing; or of which one vCPU does so with interrupts off, whatever others do and print. That is no
 * proof: a delay, a digest, a wait for a timer and an idle system look the same. It comes again with growing pauses
 * while the shape lasts.
 */
export function createSuspicionDetector(): SuspicionDetector {
  const masked = createMaskedWatch();
  const loop = createLoopWatch();
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
  let suspectedMs: number | undefined;
  const sampleAll = (atMs: number, vcpus: readonly VcpuState[]): Suspicion | undefined => {
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
    return { shape: shapeOf(vcpus), forMs: atMs - sinceMs, vcpus };
  };
  return {
    get sinceMs() {
      return suspectedMs ?? sinceMs;
    },
    heard() {
      progress();
      loop.begin();
      masked.heard();
    },
    examined() {
      begin();
      masked.begin();
      loop.begin();
    },
    sample(atMs, vcpus) {
      if (vcpus.length === 0) return undefined;
      const all = sampleAll(atMs, vcpus);
      const stuckMs = masked.sample(atMs, vcpus, windowMs) ?? loop.sample(atMs, vcpus);
      if (all === undefined && stuckMs === undefined) return undefined;
      raised += 1;
      begin();
      masked.begin();
      loop.begin();
      suspectedMs = stuckMs === undefined ? undefined : atMs - stuckMs;
      return all ?? { shape: 'spin', forMs: stuckMs ?? 0, vcpus };
    },
  };
}

function shapeOf(vcpus: readonly VcpuState[]): HangShape {
  const awake = vcpus.filter(({ halted, interruptsOn }) => !halted || interruptsOn);
  if (awake.length === 0) return 'all-vcpus-halted';
  return awake.every(({ halted }) => halted) ? 'idle-forever' : 'spin';
}

/** As {@link STEADY_MS}, for one vCPU beside others that do something: a kernel that prints, too, has interrupts off. */
const MASKED_STEADY_MS = [4_000, 8_000, 16_000, 30_000];

interface Masked {
  readonly sinceMs: number;
  windowMs: number | undefined;
  samples: number;
  addresses: Set<string>;
  /** Samples in a row that show no new address. */
  sinceNew: number;
  raised: number;
}

/**
 * Watches each vCPU that runs with interrupts off for as long as every sample shows it at a handful of addresses, or at
 * some more again and again.
 */
function createMaskedWatch() {
  const masked = new Map<number, Masked>();
  let onlyPrinter: number | undefined;
  const begin = (vcpu: Masked) => {
    Object.assign(vcpu, { windowMs: undefined, samples: 0, addresses: new Set(), sinceNew: 0 });
  };
  return {
    /** The guest printed: a vCPU beside which none can have done that works. */
    heard() {
      if (onlyPrinter !== undefined) masked.delete(onlyPrinter);
    },
    /** What samples showed before does not count. */
    begin() {
      for (const vcpu of masked.values()) begin(vcpu);
    },
    /**
     * For how long a vCPU has stood still, when it is time to suspect it and the guest did something since: all vCPUs
     * together stand still since `allSinceMs`.
     */
    sample(atMs: number, vcpus: readonly VcpuState[], allSinceMs: number | undefined): number | undefined {
      let stuckMs: number | undefined;
      const [first, ...others] = vcpus.filter(({ halted, interruptsOn }) => !halted || interruptsOn);
      onlyPrinter = others.length === 0 ? first?.index : undefined;
      for (const { index, rip, halted, interruptsOn } of vcpus) {
        if (halted || interruptsOn) {
          masked.delete(index);
          continue;
        }
        const vcpu = masked.get(index) ?? {
          ...{ sinceMs: atMs, windowMs: undefined, samples: 0, sinceNew: 0, raised: 0 },
          addresses: new Set<string>(),
        };
        vcpu.windowMs ??= atMs;
        vcpu.sinceNew = vcpu.addresses.has(rip) ? vcpu.sinceNew + 1 : 0;
        vcpu.addresses.add(rip);
        vcpu.samples += 1;
        if (vcpu.addresses.size > MOST_LOOP_ADDRESSES) masked.delete(index);
        else masked.set(index, vcpu);
        const steadyMs = MASKED_STEADY_MS[Math.min(vcpu.raised, MASKED_STEADY_MS.length - 1)] ?? 0;
        const { size } = vcpu.addresses;
        const isSteady =
          size <= MOST_ADDRESSES
            ? size <= Math.floor(vcpu.samples / 2) + 1
            : vcpu.sinceNew >= size * SAMPLES_PER_ADDRESS;
        const isAlone = allSinceMs === undefined || allSinceMs > vcpu.windowMs;
        if (!isAlone || vcpu.samples < MIN_SAMPLES || atMs - vcpu.windowMs < steadyMs || !isSteady) continue;
        vcpu.raised += 1;
        stuckMs = Math.max(stuckMs ?? 0, atMs - vcpu.sinceMs);
      }
      return stuckMs;
    },
  };
}

/** Watches whether all vCPUs together are in a loop of some functions: at more addresses, of which none is new any more. */
function createLoopWatch() {
  const addresses = new Set<string>();
  let sinceMs: number | undefined;
  let sinceNew = 0;
  const begin = () => {
    addresses.clear();
    sinceMs = undefined;
    sinceNew = 0;
  };
  return {
    begin,
    /** For how long, when it is time to suspect it. */
    sample(atMs: number, vcpus: readonly VcpuState[]): number | undefined {
      sinceMs ??= atMs;
      sinceNew += 1;
      for (const { index, rip } of vcpus) {
        if (!addresses.has(`${index} ${rip}`)) sinceNew = 0;
        addresses.add(`${index} ${rip}`);
      }
      if (addresses.size > MOST_LOOP_ADDRESSES) begin();
      const isLoop = addresses.size > MOST_ADDRESSES && sinceNew >= addresses.size * SAMPLES_PER_ADDRESS;
      return isLoop && sinceMs !== undefined ? atMs - sinceMs : undefined;
    },
  };
}
