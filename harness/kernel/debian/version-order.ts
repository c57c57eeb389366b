/**
 * Order of Debian package versions (Debian policy 5.6.12, deb-version(7)): epoch, upstream version, revision;
 * each part compared as alternating runs of non-digits (where `~` sorts before the end, letters before the rest)
 * and digits (as numbers). Returns a negative, zero or positive number, for `sort`.
 */
export function compareDebianVersions(left: string, right: string): number {
  const a = split(left);
  const b = split(right);
  return (
    compareNumbers(a.epoch, b.epoch) ||
    comparePart(a.upstream, b.upstream) ||
    comparePart(a.revision, b.revision)
  );
}

function split(version: string): { epoch: string; upstream: string; revision: string } {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? '0' : version.slice(0, colon),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

function comparePart(left: string, right: string): number {
  let a = left;
  let b = right;
  while (a !== '' || b !== '') {
    const wordA = /^\D*/.exec(a)?.[0] ?? '';
    const wordB = /^\D*/.exec(b)?.[0] ?? '';
    const numberA = /^\d*/.exec(a.slice(wordA.length))?.[0] ?? '';
    const numberB = /^\d*/.exec(b.slice(wordB.length))?.[0] ?? '';
    const order = compareWords(wordA, wordB) || compareNumbers(numberA, numberB);
    if (order !== 0) return order;
    a = a.slice(wordA.length + numberA.length);
    b = b.slice(wordB.length + numberB.length);
  }
  return 0;
}

function compareWords(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = weight(a[i]) - weight(b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

function weight(character: string | undefined): number {
  if (character === '~') return -1;
  if (character === undefined) return 0;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 0x100;
}

/** By length first, because a run of digits may exceed the exact range of a double. */
function compareNumbers(left: string, right: string): number {
  const a = left.replace(/^0+/, '');
  const b = right.replace(/^0+/, '');
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
