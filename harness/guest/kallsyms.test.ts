import { gzipSync } from 'node:zlib';
import t from 'tap';
import { probeKallsyms, readKallsyms } from './kallsyms.js';

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

void t.test("this boot's addresses come from VMCOREINFO, and else from /proc/kallsyms", async (t) => {
  const names = { kallsyms: ['_text', 'panic'], vmcoreinfo: ['_stext', 'init_uts_ns', 'init_top_pgt'] };
  const note = ['_stext', 'init_uts_ns', 'mem_section', 'init_top_pgt']
    .map((name, index) => `SYMBOL(${name})=ffffffff8${index}000000\n`)
    .join('');
  const asked: string[] = [];
  const probe = (answers: (script: string) => string | undefined) =>
    probeKallsyms(async (script) => {
      asked.push(script);
      const answer = answers(script);
      return answer === undefined ? undefined : Buffer.from(answer);
    }, names);
  t.equal(
    await probe(() => note),
    'ffffffff80000000 T _stext\nffffffff81000000 T init_uts_ns\nffffffff83000000 T init_top_pgt\n',
  );
  t.equal(asked.length, 1);
  const kallsyms = 'ffffffff81000000 T _text\n';
  const locked = (script: string) => (script.startsWith('dd') ? undefined : kallsyms);
  t.equal(await probe(locked), kallsyms, 'no /proc/kcore, or it is locked down');
  t.match(asked.at(-1), /^grep ' \\\(_text\\\|panic\\\)\$' \/proc\/kallsyms$/);
  const few = (script: string) => (script.startsWith('dd') ? note.split('\n')[0] : kallsyms);
  t.equal(await probe(few), kallsyms, 'too few');
});
