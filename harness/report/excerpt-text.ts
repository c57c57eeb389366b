const FACT = /^\{"fact":"[a-z-]+",?/;
const PROOF = /^\{"fact":"proof","what":"(.*?)","proved":(true|false)(?:,"saw":"(.*))?/;

/**
 * The excerpt of a piece of evidence for people. A fact of the host is stored as JSON, which is cut off when it is long:
 * `{"fact":"proof","what":"ioapic_lock is held","proved":true,"saw":"lock word 0x1"}` is `ioapic_lock is held: lock word
 * 0x1`. Others are as they were. Pure.
 */
export function excerptText(excerpt: string): string {
  const proof = PROOF.exec(excerpt);
  if (proof !== null) {
    const [, what = '', proved, saw = ''] = proof;
    return `${proved === 'true' ? '' : 'not proved: '}${what}${saw === '' ? '' : `: ${saw.replace(/"[^"]*\}$/, '')}`}`;
  }
  if (!FACT.test(excerpt)) return excerpt;
  return excerpt
    .replace(FACT, '')
    .replace(/\}$/, '')
    .replaceAll(/"(\w+)":/g, '$1 ')
    .replaceAll(/(?<=["\]}\w]),(?=\w)/g, ', ')
    .replaceAll('"', '');
}
