import { distance } from 'fastest-levenshtein';

/** Up to three candidates that a word may be a misspelling of, nearest first; none when nothing is near. Pure. */
export function nearest(word: string, candidates: Iterable<string>): string[] {
  const limit = Math.max(2, Math.floor(word.length / 2));
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, far: distance(word, candidate) }))
    .filter(({ candidate, far }) => far <= limit || candidate.startsWith(word))
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}
