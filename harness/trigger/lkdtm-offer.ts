/** The proof whose `saw` is what the kernel offers, as {@link offerInWords} writes it. */
export const LKDTM_PROOF = 'this kernel has lkdtm';

/** Bound on that text, characters: what a proof saw is recorded. */
const WORDS_CHARACTERS = 4000;

/** What a kernel's lkdtm offers. */
export interface LkdtmOffer {
  readonly points: readonly string[];
  readonly types: readonly string[];
}

/** Reads `ls` of lkdtm's directory followed by one of its files, which lists the types; undefined for other text. Pure. */
export function parseOffer(text: string): LkdtmOffer | undefined {
  const [names, list] = text.split(/^Available crash types:$/m);
  return names === undefined || list === undefined ? undefined : offerOf(names, list);
}

/** An offer as the `saw` of a proof: `points ...; types ...`; names beyond the bound are left out. Pure. */
export function offerInWords({ points, types }: LkdtmOffer): string {
  const words = `points ${points.join(' ')}; types ${types.join(' ')}`;
  if (words.length <= WORDS_CHARACTERS) return words;
  return words.slice(0, words.lastIndexOf(' ', WORDS_CHARACTERS));
}

function offerOf(names: string, list: string): LkdtmOffer | undefined {
  const namesIn = (part: string) => part.split(/\s+/).filter((word) => /^[A-Z][A-Z0-9_]{0,63}$/.test(word));
  const offer = { points: namesIn(names), types: namesIn(list) };
  return offer.points.includes('DIRECT') && offer.types.length > 0 ? offer : undefined;
}
