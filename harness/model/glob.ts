/**
 * Whether a whole text fits a pattern: `*` stands for any characters, also none and also `/`, `?` for one; everything
 * else for itself. In time of the product of the lengths, whatever the pattern. Pure.
 */
export function fitsGlob(text: string, pattern: string): boolean {
  let at = 0;
  let place = 0;
  // After the latest `*`: where the pattern continues, and how much of the text the `*` has taken.
  let star: { readonly after: number; taken: number } | undefined;
  while (at < text.length) {
    const wanted = pattern[place];
    if (wanted === '*') {
      place += 1;
      star = { after: place, taken: at };
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[at])) {
      at += 1;
      place += 1;
    } else if (star !== undefined) {
      star.taken += 1;
      at = star.taken;
      place = star.after;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(place));
}
