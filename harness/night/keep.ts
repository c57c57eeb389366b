/** A night as its removal is decided. */
export interface KeptNight {
  readonly night: string;
  /** It has ended; one that has not is always kept. */
  readonly ended: boolean;
  /** It has a regression, a suspicion or a failed run. */
  readonly failed: boolean;
  /** Nights that later ones are compared with: it is the last good one of some cell, or its regression stands. */
  readonly needed: boolean;
}

/**
 * Names of the nights to remove, oldest first. The newest `nights` stay; a night with failures stays among the newest
 * `failed` nights. Unfinished nights and those that a later one will be compared with always stay. Pure.
 */
export function nightsToRemove(
  all: readonly KeptNight[],
  { nights, failed = 3 * nights }: { readonly nights: number; readonly failed?: number | undefined },
): string[] {
  const newestFirst = all.toSorted((a, b) => (a.night < b.night ? 1 : -1));
  return newestFirst
    .filter((one, age) => one.ended && !one.needed && age >= (one.failed ? Math.max(nights, failed) : nights))
    .map(({ night }) => night)
    .toReversed();
}
