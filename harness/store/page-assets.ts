import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { harnessFault } from '../model/fault.js';
import type { PageAssets } from '../report/page/page.js';

/** Reads the report page's script and style sheet (scripts/bundle-page.mjs). Throws a harness fault when they are missing. */
export async function readPageAssets(): Promise<PageAssets> {
  const [script, style] = await Promise.all(['page.js', 'page.css'].map(read));
  return {
    script: script ?? '',
    style: style ?? '',
    scriptHash: hashOf(script ?? ''),
    styleHash: hashOf(style ?? ''),
  };
}

async function read(name: string): Promise<string> {
  const path = fileURLToPath(new URL(`../report/page/assets/${name}`, import.meta.url));
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw harnessFault(`cannot make the report page: "${path}" is missing; run npm run build`, error);
  }
}

/** As a content security policy names the text of an element (Content Security Policy Level 3, 2.3.1). */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
