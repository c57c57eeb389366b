import { stripVTControlCharacters } from 'node:util';

/**
 * Foreign text on one line of a terminal, a log or JSON. Guest output is escaped byte by byte, so that nothing of it is
 * lost; output of host programs is only made harmless. HTML is escaped where it is made (`report/html.ts`). Pure.
 */

/** Control and invisible characters, surrogates, noncharacters (XML refuses some), line and paragraph separators. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{NChar}]/gu;
/** Longest excerpt, characters. */
const LIMIT = 200;

/**
 * Makes guest text safe for a terminal, a log or JSON: printable ASCII stays, everything else becomes `\xNN`
 * (text decoded as latin1) or `\uNNNN`. At most `max` characters of the input are used; a cut is marked.
 */
export function escapeGuestText(text: string, max = LIMIT): string {
  const cut = text.length > max;
  const used = cut ? text.slice(0, max) : text;
  // eslint-disable-next-line no-control-regex -- control characters are the point
  const escaped = used.replace(/[^\x20-\x7e]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : unicodeEscape(code);
  });
  return cut ? `${escaped}...` : escaped;
}

/**
 * Makes text that the host chose (a path, a version), which may be in any script, safe: only control and invisible
 * characters become `\uNNNN`, as they could rewrite the screen or reorder the line.
 */
export function escapeHostText(text: string): string {
  return text.replace(INVISIBLE, (character) => unicodeEscape(character.codePointAt(0) ?? 0));
}

/** Without terminal sequences, and with a blank for each run of control characters and line separators. */
export function withoutControls(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

/**
 * Output of another program, for a message: terminal sequences removed, control and invisible characters and white
 * space folded into blanks, cut after `max` characters with `...`.
 */
export function foldLine(text: string, max = LIMIT): string {
  const folded = stripVTControlCharacters(text)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return folded.length > max ? `${folded.slice(0, max)}...` : folded;
}

function unicodeEscape(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
