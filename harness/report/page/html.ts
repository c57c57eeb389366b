import { escapeHostText } from '../../model/escape.js';

/** HTML that was built by {@link html}, the only insertion that is not escaped. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What a template may insert. Arrays are joined; undefined inserts nothing. */
export type Insertion = string | number | Markup | undefined | readonly Insertion[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Builds HTML. Every inserted string is escaped for element content and quoted attributes, its control and invisible
 * characters included, so guest text cannot become markup. Attributes must be quoted. Pure.
 */
export function html(strings: TemplateStringsArray, ...insertions: readonly Insertion[]): Markup {
  return new Markup(strings.map((text, index) => `${text}${render(insertions[index])}`).join(''));
}

function render(insertion: Insertion): string {
  if (insertion === undefined) return '';
  if (insertion instanceof Markup) return insertion.text;
  if (typeof insertion === 'number') return String(insertion);
  if (typeof insertion === 'string') {
    return escapeHostText(insertion).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
  }
  return insertion.map(render).join('');
}
