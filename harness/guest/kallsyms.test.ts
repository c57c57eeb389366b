import { gzipSync } from 'node:zlib';
import t from 'tap';
import { readKallsyms } from './kallsyms.js';

/** Random hexadecimal digits do not shrink below half: several pieces. */
const TEXT = Array.from(
  { length: 24_000 },
  (_, index) => `${((index * 2654435761) % 2 ** 32).toString(16)}\n`,
).join('');

/** A guest that packs `grow` bytes between two looks; -1: it never ends. */
function guest({
  grow = Number.POSITIVE_INFINITY,
  status = 0,
  lost,
}: {
  grow?: number;
  status?: number;
  lost?: number;
}) {
  const packed = gzipSync(TEXT, { level: 1 });
  const asked: string[] = [];
  let size = 0;
  return {
    asked,
    run: async (script: string, what: string): Promise<Buffer | undefined> => {
      asked.push(what);
      if (script.startsWith('[ -r')) return Buffer.alloc(0);
      if (script.startsWith('now()')) {
        size = Math.min(packed.length, size + grow);
        const end = size === packed.length ? String(status) : '';
        return Buffer.from(`${end === '' ? 'cat: no such file\n' : ''}${end} ${size}\n`);
      }
      const [, bs, skip] = /bs=(\d+) skip=(\d+)/.exec(script) ?? [];
      const from = Number(bs) * Number(skip);
      return Number(skip) === lost ? undefined : packed.subarray(from, from + Number(bs));
    },
  };
}

void t.test('symbols arrive in pieces, each of which is named', async (t) => {
  const slow = guest({ grow: 20_000 });
  t.strictSame(await readKallsyms(slow.run), { text: TEXT });
  t.ok(slow.asked.includes("packing the kernel's symbols, 19 KiB so far"), 'how far it was');
  t.ok(slow.asked.includes("reading the kernel's symbols, piece 1 of 2"));
});

void t.test('a guest that stands still, fails, or has none', async (t) => {
  t.match(await readKallsyms(guest({ grow: 0 }).run), { missing: /stands still at 0 bytes/ });
  t.match(await readKallsyms(guest({ status: 1 }).run), { missing: /failed with status 1/ });
  t.match(await readKallsyms(guest({ lost: 1 }).run), { missing: /piece 2 of 2/ });
  t.match(await readKallsyms(async () => undefined), { missing: /no \/proc\/kallsyms/ });
  t.match(await readKallsyms(async () => Buffer.from('nonsense')), { missing: /does not pack/ });
});
