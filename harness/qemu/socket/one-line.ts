/** Longest piece of foreign text (QEMU's stderr, a broken message) that is quoted in an error message. */
export const EXCERPT_CHARS = 2000;

/**
 * Foreign text on one line: control characters escaped, cut from the end at `limit` characters. It duplicates
 * `model/escape.ts`, so that this folder and `qmp/` can be published without the rest of crashpath.
 */
export function oneLine(text: string, limit: number = EXCERPT_CHARS): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}...` : text;
  return cut.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
