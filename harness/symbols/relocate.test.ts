import t from 'tap';
import { parseKallsyms } from './kallsyms.js';
import { movedSymbols, relocateKallsyms, withoutModules } from './relocate.js';

const TEXT = [
  '0000000000000000 A fixed_percpu_data',
  'ffffffff81000000 T _text',
  'ffffffff81012340 T panic',
  'ffffffff82000000 D linux_banner',
  'ffffffff83000000 B _end',
  'ffffffffc0201000 t module_function\t[e1000]',
  'ffffc90000000000 t elsewhere',
  '',
].join('\n');

const at = (offset: bigint, text = TEXT) =>
  [...text.matchAll(/^(\w{16})( \w (?:_text|panic|linux_banner|_end))$/gm)]
    .map(([, digits, rest]) => `${(BigInt(`0x${digits}`) + offset).toString(16)}${rest}\n`)
    .join('');

t.test('the image moves as one piece, everything else stays', async (t) => {
  const moved = relocateKallsyms(TEXT, at(0x17000000n));
  t.match(moved, /^ffffffff98012340 T panic$/m);
  t.match(moved, /^0000000000000000 A fixed_percpu_data$/m);
  t.match(moved, /^ffffc90000000000 t elsewhere$/m);
  t.match(moved, /^ffffffffc0201000 t module_function/m);
  t.equal(relocateKallsyms(TEXT, at(0n)), TEXT);
  t.match(relocateKallsyms(moved ?? '', at(-0x1000n)), /^ffffffff81011340 T panic$/m, 'and back');
});

t.test('another image is not taken for a moved one', async (t) => {
  const odd = at(0x17000000n).replace('ffffffff98012340', 'ffffffff98012350');
  t.equal(relocateKallsyms(TEXT, odd), undefined, 'one symbol elsewhere');
  t.equal(relocateKallsyms(TEXT, ''), undefined);
  t.equal(relocateKallsyms('', at(0n)), undefined);
  t.equal(relocateKallsyms(TEXT, at(0n).split('\n').slice(0, 2).join('\n')), undefined, 'two are too few');
});

t.test('modules are left out of what is kept', async (t) => {
  t.notMatch(withoutModules(TEXT), /e1000/);
  t.equal(withoutModules(TEXT).split('\n').length, TEXT.split('\n').length - 1);
});

t.test('symbols of the same image at another address', async (t) => {
  const parsed = parseKallsyms(
    [
      'ffffffff81000000 T _text',
      'ffffffff81000100 T panic',
      'ffffffff81000100 T panic_alias',
      'ffffffff81000300 t panic.cold',
      'ffffffffc0000000 t e1000_probe\t[e1000]',
      '0000000000001000 A fixed_percpu_data',
      '',
    ].join('\n'),
  );
  if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
  const moved = movedSymbols(parsed.table, 0x1e00_0000n);
  t.strictSame(
    moved.named('panic').map(({ address }) => address),
    [0xffffffff9f000100n],
  );
  t.equal(moved.label(0xffffffff9f000110n), 'panic+0x10/0x200');
  t.equal(moved.at(0xffffffff9f000110n)?.aliases[0]?.address, 0xffffffff9f000100n);
  t.equal(moved.related('panic.cold')[0]?.address, 0xffffffff9f000100n);
  t.equal(moved.at(0xffffffff81000110n), undefined, 'no symbol covers the old address');
  t.strictSame(moved.named('e1000_probe'), [], 'a module is elsewhere');
  t.match(moved.named('fixed_percpu_data'), [{ address: 0x1000n }], 'an absolute number does not move');
});
