/**
 * Corrections of p values when a campaign makes several comparisons (scenarios or kernels), or evaluates one comparison
 * several times (looks at the data before all trials are run).
 */

/** A difference is significant when its corrected p value is at most this. */
export const SIGNIFICANCE = 0.05;

/** No look before this many rounds: 4 opposite pairs give p = 0.029, 5 give 0.008. */
const FEWEST_ROUNDS = 5;

/** Rounds of a comparison below which there is no look before the last one, so that nothing ends early. */
export const FEWEST_TO_END_EARLY = 2 * FEWEST_ROUNDS - 1;

/**
 * Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979), in the given order: whichever of the
 * comparisons are truly equal, the probability that any of them is called different is at most {@link SIGNIFICANCE}.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, index) => index).sort((a, b) => (pValues[a] ?? 1) - (pValues[b] ?? 1));
  const corrected = pValues.map(() => 1);
  let highest = 0;
  for (const [rank, index] of order.entries()) {
    highest = Math.max(highest, Math.min(1, (pValues.length - rank) * (pValues[index] ?? 1)));
    corrected[index] = highest;
  }
  return corrected;
}

/**
 * After which rounds `--until-significant` looks at the data: all, half, a quarter of them and so on, first look first,
 * none before 5 rounds. The schedule depends on `rounds` alone, never on the data.
 */
export function looksFor(rounds: number): number[] {
  const looks = [rounds];
  for (let next = Math.ceil(rounds / 2); next >= FEWEST_ROUNDS && next < (looks[0] ?? 0); ) {
    looks.unshift(next);
    next = Math.ceil(next / 2);
  }
  return looks;
}

/**
 * The p value over all planned looks: the least of those so far times the number planned. Each look may spend an equal
 * share of {@link SIGNIFICANCE} (alpha spending: Lan and DeMets, Biometrika 70, 1983; shares added up by Bonferroni's
 * inequality, so that no joint distribution is assumed), which bounds the probability of a false alarm over all looks.
 */
export function overLooks(pValues: readonly number[], planned: number): number {
  return Math.min(1, planned * Math.min(1, ...pValues));
}
