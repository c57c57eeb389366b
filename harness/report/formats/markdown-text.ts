/** Foreign text in GitHub-flavoured Markdown (CommonMark 0.31 with tables). Pure. */

/** Text in a paragraph, a list item or a table's cell: characters with a meaning are escaped. */
export function mdText(text: string): string {
  return oneLine(text).replace(/[\\`*_[\]<>|~#&]/g, (character) => `\\${character}`);
}

/** A code span; not for a table, where a `|` behind a backslash would end the cell. */
export function mdCode(text: string): string {
  const line = oneLine(text);
  if (line.trim() === '') return '`-`';
  const fence = '`'.repeat(longestRun(line) + 1);
  // One blank on each side is stripped: it keeps a backtick at an end apart, and a blank at both ends.
  const padding = /^`|`$|^ .* $/.test(line) ? ' ' : '';
  return `${fence}${padding}${line}${padding}${fence}`;
}

/** A fenced block; `language` is its info string. */
export function mdBlock(lines: readonly string[], language = ''): string[] {
  const fence = '`'.repeat(Math.max(3, ...lines.map((line) => longestRun(line) + 1)));
  return [`${fence}${language}`, ...lines.map(oneLine), fence];
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
