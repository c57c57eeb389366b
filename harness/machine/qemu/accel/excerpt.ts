import { stripVTControlCharacters } from 'node:util';

const EXCERPT_LIMIT = 200;

/**
 * What another program printed, fit for a one-line message: terminal sequences and control characters removed,
 * white space folded, at most 200 characters. Pure.
 */
export function excerpt(text: string): string {
  const plain = stripVTControlCharacters(text)
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return plain.length > EXCERPT_LIMIT ? `${plain.slice(0, EXCERPT_LIMIT)}...` : plain;
}
