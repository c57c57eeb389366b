import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { z } from 'zod';
import { compareSymbols } from './agreement.js';
import { readImageSymbols } from './kallsyms-image.js';
import { movedSymbols } from './relocate.js';

const RECORDED = z.object({
  base: z.string(),
  release: z.string(),
  count: z.number(),
  symbols: z.record(z.string(), z.array(z.string())),
  image: z.base64(),
});
const RELEASES = ['5.10.0-46-amd64', '6.1.0-56-amd64', '6.12.117+deb12-amd64', '7.2.13+deb14-amd64'];

function recorded(release: string) {
  const file = new URL(`../../harness/symbols/testdata/kallsyms-${release}.json.gz`, import.meta.url);
  const parsed = RECORDED.parse(JSON.parse(gunzipSync(readFileSync(file)).toString()));
  return { ...parsed, base: BigInt(`0x${parsed.base}`), bytes: Buffer.from(parsed.image, 'base64') };
}

for (const release of RELEASES) {
  void t.test(`the tables of ${release} are found by their form`, (t) => {
    const { base, bytes, count, symbols } = recorded(release);
    const found = readImageSymbols({ base, bytes });
    t.equal(found?.release, release);
    t.equal(found?.symbols.length, count);
    t.ok(Object.keys(symbols).length >= 5);
    for (const [name, addresses] of Object.entries(symbols)) {
      t.same(
        found?.table.named(name).map(({ address }) => address.toString(16)),
        addresses,
        name,
      );
    }
    t.end();
  });

  void t.test(`damaged tables of ${release} are none`, (t) => {
    const { base, bytes } = recorded(release);
    const banner = Buffer.from(bytes);
    banner.write('Linux versiom', banner.indexOf('Linux version '), 'latin1');
    t.equal(readImageSymbols({ base, bytes: banner }), undefined, 'the proof is missing');
    t.equal(
      readImageSymbols({ base: base + 0x1000n, bytes })?.release,
      release.startsWith('7') ? release : undefined,
    );
    t.equal(readImageSymbols({ base, bytes: bytes.subarray(0, bytes.length - 9000) }), undefined, 'cut');
    t.equal(readImageSymbols({ base, bytes: Buffer.alloc(65536) }), undefined);
    t.end();
  });
}

void t.test('symbols of a file are compared with those in memory', (t) => {
  const { base, bytes } = recorded('6.1.0-56-amd64');
  const own = readImageSymbols({ base, bytes });
  if (own === undefined) throw new Error('the recording has no symbols');
  const earlier = movedSymbols(own.table, -0x3e00000n);
  t.match(compareSymbols(earlier, own), { kind: 'same', offset: 0x3e00000n });
  const other = recorded('6.12.117+deb12-amd64');
  const newer = readImageSymbols({ base: other.base, bytes: other.bytes });
  t.ok(newer);
  t.equal(compareSymbols(newer?.table ?? own.table, own).kind, 'other');
  t.end();
});
