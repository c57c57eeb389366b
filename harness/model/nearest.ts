import { distance } from 'fastest-levenshtein';

/** Options of {@link nearest}. */
export interface NearestOptions {
  /** How many; 3. */
  readonly count?: number | undefined;
  /** Include candidates that are not similar at all, so that the list is never empty; false. */
  readonly howeverFar?: boolean | undefined;
}

/**
 * Up to three candidates that a word may be a misspelling of, nearest first and equally near ones in their own order;
 * none when nothing is near. Pure.
 */
export function nearest(
  word: string,
  candidates: Iterable<string>,
  { count = 3, howeverFar = false }: NearestOptions = {},
): string[] {
  const limit = Math.max(2, Math.floor(word.length / 2));
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, far: distance(word, candidate) }))
    .filter(({ candidate, far }) => howeverFar || far <= limit || candidate.startsWith(word))
    .sort((a, b) => a.far - b.far)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}
