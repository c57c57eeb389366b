/**
 * The phase ladder: the rungs a run climbs, in order. A rung is `observed` when the recording shows it, or
 * `implied` when only a later rung was seen (a stock kernel prints nothing between its panic line and the
 * capture kernel's banner).
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

/** One rung that was reached: when (ms since the run began), and whether it was observed or implied. */
export interface PhaseReached {
  readonly phase: Phase;
  /** Milliseconds since the start of the run; for an implied rung, the time of the rung that implies it. */
  readonly atMs: number;
  readonly how: 'observed' | 'implied';
}
