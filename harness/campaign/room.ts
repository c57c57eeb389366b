/** A guest that runs, or is about to. */
export interface RunningGuest {
  /** CPUs that it used, or waited for, lately; undefined when that is not known yet. */
  readonly cores: number | undefined;
  /** What it has now. */
  readonly bytes: number;
  /** What it is expected to have at most. */
  readonly needBytes: number;
}

/** The guest that is to start. */
export interface NextGuest {
  /** CPUs that it will use. */
  readonly cores: number;
  readonly needBytes: number;
  /** What it can have if it uses all of its memory. */
  readonly worstBytes: number;
}

/** The host, at a moment at which a guest could start. */
export interface Room {
  readonly cores: number;
  /** CPUs that other programs use. */
  readonly otherCores: number;
  readonly availableBytes: number;
  /** Percent of the time in which tasks waited for memory. */
  readonly memoryPressure: number;
  readonly guests: readonly RunningGuest[];
}

const MIB = 1024 * 1024;
/** What stays free whatever the guests do. */
const RESERVE = 256 * MIB;
/** A host on which tasks wait for memory for longer is short of it. */
const PRESSURE = 5;
/** A guest that starts may find this part of the CPU time that it can use: the rest of a core is worth it. */
const LEAST_SHARE = 0.5;

/**
 * Why another guest may not start now; undefined: it may. Memory first: what the guests that run may still grow by, what
 * the next one needs, and as a reserve all that one guest could have beyond its measured need, must be there without
 * swapping. Then CPUs: a guest alone starts on any host. Pure.
 */
export function whyNoRoom(room: Room, next: NextGuest): 'memory' | 'cpus' | undefined {
  const { guests, availableBytes, memoryPressure, cores, otherCores } = room;
  const growth = guests.reduce((sum, { needBytes, bytes }) => sum + Math.max(0, needBytes - bytes), 0);
  const reserve = Math.max(RESERVE, next.worstBytes - next.needBytes);
  if (availableBytes - growth - next.needBytes < reserve) return 'memory';
  if (guests.length > 0 && memoryPressure > PRESSURE) return 'memory';
  const used = guests.reduce((sum, guest) => sum + (guest.cores ?? next.cores), otherCores);
  return guests.length > 0 && cores - used < LEAST_SHARE * next.cores ? 'cpus' : undefined;
}
