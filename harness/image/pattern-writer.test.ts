import { readFile, stat } from 'node:fs/promises';
import { execa } from 'execa';
import t from 'tap';
import which from 'which';
import { listedProgram } from '../testing/builders/listed-program.js';
import { PAGE_BYTES, patternPage } from '../timeline/chunk-sums.js';

const SKIP = process.arch === 'x64' ? false : 'the program is for x86-64';
const FILLER_BYTES = 4 * 1024 * 1024;

void t.test(
  'the pages are those that the host expects, with fillers between them',
  { skip: SKIP },
  async (t) => {
    const { path } = await listedProgram(t, 'pattern-writer');
    const write = (nonce: string) =>
      execa('sh', ['-c', 'exec "$0" "$1" 1<>"$0.pages" 3>"$0.filler"', path, nonce]);
    const wanted = (nonce: string) =>
      Buffer.concat(Array.from({ length: 1024 }, (_, page) => patternPage(nonce, page)));
    const nonce = 'cp-31f1cc9a553750c9b40e898db8cfa1e5';
    await write(nonce);
    t.ok((await readFile(`${path}.pages`)).equals(wanted(nonce)));
    t.equal((await stat(`${path}.filler`)).size, 7 * FILLER_BYTES);
    await write('cp-another');
    t.ok((await readFile(`${path}.pages`)).equals(wanted('cp-another')), 'and anew in the same file');
    await write('n'.repeat(48));
    t.ok((await readFile(`${path}.pages`)).equals(wanted('n'.repeat(48))), 'the longest nonce');
    await write('n'.repeat(60));
    t.equal((await stat(`${path}.pages`)).size, 1024 * PAGE_BYTES, 'a longer one is cut');
  },
);

void t.test('where files cannot be grown, fillers are written; pages must be', { skip: SKIP }, async (t) => {
  const { path } = await listedProgram(t, 'pattern-writer');
  const { stdout } = await execa('sh', ['-c', '"$0" x 3>&1 >"$0.pages" | wc -c', path]);
  t.equal(Number(stdout), 7 * FILLER_BYTES);
  await execa('sh', ['-c', '"$0" x >"$0.pages" 3>/dev/full', path]);
  t.ok((await readFile(`${path}.pages`)).subarray(0, PAGE_BYTES).equals(patternPage('x', 0)));
  const full = await execa('sh', ['-c', '"$0" x >/dev/full 3>"$0.filler"', path], { reject: false });
  t.equal(full.exitCode, 1);
});

const lacking = ['as', 'objcopy'].filter((name) => which.sync(name, { nothrow: true }) === null);
const skip = lacking.length === 0 ? SKIP : `${lacking.join(', ')} of binutils is not installed`;
void t.test('the bytes are what its source assembles to', { skip }, async (t) => {
  const { wanted, found } = await (await listedProgram(t, 'pattern-writer')).assembled();
  t.equal(found, wanted);
});
