/** The runs' sections, which the page holds compressed: blocks of raw deflate in base64, each a JSON array of texts. */

const unpacked = new Map<string, Promise<readonly string[]>>();

/** The HTML of a run's section; its row says where it is stored. Throws an Error when the page does not have it. */
export async function sectionOf(row: HTMLElement): Promise<string> {
  const { block, at } = row.dataset;
  if (block === undefined || at === undefined) throw new Error('the page has only the row of this run');
  const texts = unpacked.get(block) ?? unpack(block);
  unpacked.set(block, texts);
  const text = (await texts)[Number(at)];
  if (text === undefined) throw new Error('the page is cut off: the section of this run is missing');
  return text;
}

async function unpack(block: string): Promise<readonly string[]> {
  await parsed();
  const base64 = document.getElementById(`block-${block}`)?.textContent;
  if (base64 === undefined) throw new Error('the page is cut off: the section of this run is missing');
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const texts: unknown = JSON.parse(await new Response(stream).text());
  return Array.isArray(texts) ? texts.map(String) : [];
}

/** The blocks are the end of the file, and the page is used before that is read. */
function parsed(): Promise<unknown> {
  if (document.readyState !== 'loading') return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener('DOMContentLoaded', resolve, { once: true });
  });
}
