/**
 * Makes guest text safe for a terminal, a log or JSON: printable ASCII stays, everything else becomes `\xNN`
 * (text decoded as latin1) or `\uNNNN`. At most `max` characters of the input are used; a cut is marked.
 */
export function escapeGuestText(text: string, max = 200): string {
  const cut = text.length > max;
  const used = cut ? text.slice(0, max) : text;
  // eslint-disable-next-line no-control-regex -- control characters are the point
  const escaped = used.replace(/[^\x20-\x7e]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code <= 0xff
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return cut ? `${escaped}...` : escaped;
}
