import { deflateRawSync } from 'node:zlib';

/** Characters of a block before it is compressed: unpacking one takes a browser some milliseconds. */
const BLOCK_CHARACTERS = 512 * 1024;

/** Where a text is stored: the number of its block, and its position in it, both from 0. */
export interface BlockPlace {
  readonly block: number;
  readonly at: number;
}

/** Texts that are stored compressed, several to a block: neighbours that are alike cost little. */
export interface Blocks {
  add(text: string): BlockPlace;
  /** Each block in base64: a JSON array of its texts, UTF-8, raw deflate (RFC 1951). No text can be added afterwards. */
  finish(): readonly string[];
}

/** Collects texts into blocks. */
export function blocks(): Blocks {
  const packed: string[] = [];
  let texts: string[] = [];
  let characters = 0;
  const close = () => {
    if (texts.length > 0) packed.push(deflateRawSync(JSON.stringify(texts), { level: 9 }).toString('base64'));
    texts = [];
    characters = 0;
  };
  return {
    add: (text) => {
      if (characters + text.length > BLOCK_CHARACTERS) close();
      characters += text.length;
      texts.push(text);
      return { block: packed.length, at: texts.length - 1 };
    },
    finish: () => {
      close();
      return packed;
    },
  };
}
