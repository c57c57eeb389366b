import { distance } from 'fastest-levenshtein';
import { otherNamesOf } from './renamed.js';

/**
 * What compilers append to the name of a copy or a part of a function: GCC's `.cold`, `.isra.N`, `.constprop.N`,
 * `.part.N` and plain `.N` (static variables), Clang's `.llvm.N` and `.__uniq.N`.
 */
const SUFFIX = /(?:\.(?:cold|isra|constprop|part|llvm|__uniq|lto_priv|localalias)(?:\.\d+)?|\.\d+)+$/;

/** Symbols of the padding before functions, since 6.2 with CONFIG_CALL_PADDING: not functions. */
const PADDING = '__pfx_';

/** The name in the source: `__x.isra.0.cold` is a piece of `__x`. */
export function baseName(name: string): string {
  const base = name.replace(SUFFIX, '');
  return base === '' ? name : base;
}

/**
 * Existing names close to one that does not exist, the likeliest first: the same function under another kernel's name,
 * the same letters in another case or with other underscores, then by edit distance (at most a third of the name).
 * Compiler-generated parts count as the function itself.
 */
export function nearestOf(name: string, existing: Iterable<string>, count: number): readonly string[] {
  const wanted = simplify(name);
  const renamed = new Set(otherNamesOf(name));
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  const candidates: { readonly name: string; readonly score: number }[] = [];
  for (const candidate of existing) {
    if (candidate.startsWith(PADDING)) continue;
    if (renamed.has(baseName(candidate))) {
      candidates.push({ name: candidate, score: -1 });
      continue;
    }
    const simple = simplify(candidate);
    if (Math.abs(simple.length - wanted.length) > limit) continue;
    const score = distance(wanted, simple);
    if (score <= limit) candidates.push({ name: candidate, score });
  }
  candidates.sort((left, right) => left.score - right.score || (left.name < right.name ? -1 : 1));
  return candidates.slice(0, count).map((candidate) => candidate.name);
}

function simplify(name: string): string {
  return baseName(name).toLowerCase().replaceAll('_', '');
}
