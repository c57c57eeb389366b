/**
 * The phase ladder: the rungs a run climbs, in order. A rung is `observed` when the recording shows it when it is
 * reached, `read` when a log in the guest's memory tells of it afterwards, or `implied` when a later rung was seen before it
 * (a stock kernel prints nothing between its panic line and the capture kernel's banner).
 */
export const PHASES = [
  'boot',
  'armed',
  'state-proved',
  'fired',
  'panic-entered',
  'cpus-shot-down',
  'irqchips-quiesced',
  'kexec-jump',
  'purgatory',
  'capture-banner',
  'capture-userspace',
  'vmcore-verified',
] as const;

export type Phase = (typeof PHASES)[number];

/** Position on the ladder, 0 for `boot`. */
export function rungOf(phase: Phase): number {
  return PHASES.indexOf(phase);
}

/** How a rung is known. */
export const HOW_REACHED = ['observed', 'read', 'implied'] as const;

/** One rung that was reached: when (ms since the run began), and how that is known. */
export interface PhaseReached {
  readonly phase: Phase;
  /**
   * Milliseconds since the start of the run; for an implied rung, the time of the rung that implies it; for one that was
   * read, the time of the reading: it was reached before.
   */
  readonly atMs: number;
  readonly how: (typeof HOW_REACHED)[number];
}
