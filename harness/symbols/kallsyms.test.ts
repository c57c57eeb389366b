import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type KallsymsResult, parseKallsyms, type SymbolTable } from './kallsyms.js';
import { baseName } from './names.js';
import { RENAMED } from './renamed.js';
import { sortOf } from './symbol.js';

const recorded = (release: string): string =>
  readFileSync(join(import.meta.dirname, `../../harness/symbols/testdata/kallsyms-${release}.txt`), 'latin1');

function tableOf(result: KallsymsResult): SymbolTable {
  if (result.kind !== 'symbols') throw new Error(`no symbols: ${result.kind}`);
  return result.table;
}

const K61 = recorded('6.1.0-56-amd64');

t.test('recorded kallsyms of two stock kernels: every line is a symbol', async (t) => {
  for (const release of ['6.1.0-56-amd64', '6.12.117+deb12-amd64']) {
    const text = recorded(release);
    const result = parseKallsyms(text);
    if (result.kind !== 'symbols') throw new Error(result.kind);
    t.equal(result.badLines, 0, release);
    t.equal(result.truncated, false);
    t.equal(result.table.size, text.trimEnd().split('\n').length);
  }
});

t.test('an address is named with its offset and a size that stops at the next symbol', async (t) => {
  const table = tableOf(parseKallsyms(K61));
  const start = table.named('mask_ioapic_irq')[0]?.address ?? 0n;
  t.equal(table.label(start + 0x1bn), 'mask_ioapic_irq+0x1b/0xb0');
  t.equal(table.at(start + 0xafn)?.symbol.name, 'mask_ioapic_irq', 'the last byte');
  t.not(table.at(start + 0xb0n)?.symbol.name, 'mask_ioapic_irq', 'near miss: one byte later');
  t.match(table.label(table.named('ioapic_lock')[0]?.address ?? 0n), /^ioapic_lock\+0x0\//);
});

t.test('a label of a section does not hide the function at the same address', async (t) => {
  const table = tableOf(parseKallsyms(K61));
  const thunk = table.named('__x86_indirect_thunk_rax')[0]?.address ?? 0n;
  const found = table.at(thunk);
  t.match(found?.symbol.name, /^__x86_indirect_thunk_/);
  t.ok(found?.aliases.some((alias) => alias.name === '__indirect_thunk_start'));
});

t.test('nothing covers user space, per-CPU offsets or an address far behind the last function', async (t) => {
  const table = tableOf(parseKallsyms(K61));
  t.equal(table.at(0x1000n), undefined);
  t.equal(table.named('fixed_percpu_data')[0]?.address, 0n, 'but the name is kept');
  const one = tableOf(parseKallsyms('ffffffff81000000 T last\n'));
  t.equal(one.at(0xffffffff8103ffffn)?.size, 256 * 1024);
  t.equal(one.at(0xffffffff81040000n), undefined);
  t.equal(one.label(0xffffffff81040000n), '0xffffffff81040000');
});

t.test('module symbols, duplicates and the compiler s pieces', async (t) => {
  const table = tableOf(
    parseKallsyms(
      [
        'ffffffffc0100000 t e1000_probe\t[e1000]',
        'ffffffffc0100400 t e1000_probe.cold\t[e1000]',
        'ffffffff81000000 t type_show',
        'ffffffff81000100 t type_show',
        'ffffffff81000200 t foo.isra.0',
        'ffffffff81000280 t foo.part.0.constprop.1',
        'ffffffff81000300 t food',
        'ffffffff81000400 d foo.7',
        'ffffffffc0200000 t bpf_prog_6deef7357e7b4530\t[bpf]',
        '',
      ].join('\n'),
    ),
  );
  t.equal(table.label(0xffffffffc0100010n), 'e1000_probe+0x10/0x400 [e1000]');
  t.strictSame(
    table.named('type_show').map((symbol) => symbol.address),
    [0xffffffff81000000n, 0xffffffff81000100n],
  );
  t.strictSame(
    table.related('foo').map((symbol) => `${symbol.name} ${sortOf(symbol)}`),
    ['foo.isra.0 text', 'foo.part.0.constprop.1 text', 'foo.7 data'],
  );
  t.strictSame(
    table.related('e1000_probe.cold').map((symbol) => symbol.name),
    ['e1000_probe', 'e1000_probe.cold'],
  );
  t.equal(baseName('.cold'), '.cold', 'a name that is only a suffix stays');
  t.strictSame(table.nearest('typeshow'), ['type_show']);
});

t.test('a name of another kernel finds the function of this one first', async (t) => {
  for (const release of ['6.1.0-56-amd64', '6.12.117+deb12-amd64']) {
    const table = tableOf(parseKallsyms(recorded(release)));
    t.equal(table.nearest('mask_IO_APIC_irq')[0], 'mask_ioapic_irq', release);
    t.equal(table.nearest('do_IRQ')[0], 'common_interrupt', release);
    t.equal(table.nearest('smp_apic_timer_interrupt')[0], 'sysvec_apic_timer_interrupt', release);
    t.equal(table.nearest('panik')[0], 'panic', release);
    t.strictSame(table.nearest('wholly_unlike_any_function_of_it'), []);
    t.notOk(table.nearest('mask_ioapic_irqs', { count: 50 }).some((name) => name.startsWith('__pfx_')));
    t.ok(table.nearest('mask_ioapic_irqs', { count: 2 }).length <= 2);
  }
  t.equal(new Set(RENAMED.flatMap((row) => row.names)).size, RENAMED.length * 2, 'no name in two rows');
});

t.test('all addresses zero: hidden from the reader, which is no symbol table', async (t) => {
  const zeroed = K61.replaceAll(/^[0-9a-f]{16}/gm, '0000000000000000');
  const result = parseKallsyms(zeroed);
  t.equal(result.kind, 'hidden');
  if (result.kind === 'hidden') t.ok(result.symbols > 500);
  t.equal(parseKallsyms(zeroed + K61.slice(K61.indexOf('ffffffff'))).kind, 'symbols', 'near miss');
});

t.test('hostile text is counted, not obeyed', async (t) => {
  const good = 'ffffffff81000000 T panic\n';
  const bad = [
    'ffffffff81000000 T',
    'ffffffff8100000g T panic',
    'ffffffff81000000 TT panic',
    'ffffffff81000000 T pa nic',
    'ffffffff81000000 T pa\u0007nic',
    'ffffffff81000000 T panic [e1000',
    `ffffffff81000000 T ${'x'.repeat(513)}`,
    'x'.repeat(100_000),
    '',
  ];
  const result = parseKallsyms(`${bad.join('\n')}\n${good}`);
  t.match(result, { kind: 'symbols', badLines: bad.length });
  t.equal(tableOf(result).size, 1);
  t.match(
    parseKallsyms(`${good}ffffffff81000100 T cut_of`),
    { badLines: 1 },
    'a line without its end may be cut',
  );
  t.match(parseKallsyms(''), { kind: 'empty', badLines: 0 });
  t.match(parseKallsyms('0000000000001000 A gdt_page\n'), { kind: 'empty' });
  t.match(parseKallsyms(good.repeat(10), 3), { kind: 'symbols', truncated: true });
});

t.test('a quarter of a million lines are read in seconds', async (t) => {
  const lines: string[] = [];
  for (let i = 0; i < 250_000; i += 1) {
    lines.push(`${(0xffffffff81000000n + BigInt(i) * 64n).toString(16)} t function_${i}`);
  }
  const table = tableOf(parseKallsyms(`${lines.toReversed().join('\n')}\n`));
  t.equal(table.size, 250_000);
  t.equal(table.label(0xffffffff81000000n + 64n * 123_456n + 5n), 'function_123456+0x5/0x40');
});

t.test('variables with the letter of code, as in 7.2', async (t) => {
  const lines = (...between: string[]) =>
    tableOf(
      parseKallsyms(
        [
          'ffffffff90800000 T _stext',
          'ffffffff90c5ca20 T console_list_lock',
          'ffffffff92a00000 T _sdata',
          ...between,
          'ffffffff92d5b900 T _edata',
          'ffffffff931e33b0 t force_disable_hpet',
          '',
        ].join('\n'),
      ),
    );
  const table = lines('ffffffff92a07a00 T jiffies', 'ffffffff92b0ab70 t console_sem');
  const sort = (name: string) => table.named(name).map((symbol) => `${symbol.type} ${sortOf(symbol)}`);
  t.strictSame(sort('console_sem'), ['d data']);
  t.strictSame(sort('jiffies'), ['D data']);
  t.strictSame(sort('console_list_lock'), ['T text']);
  t.strictSame(sort('force_disable_hpet'), ['t text'], 'code of the init section lies behind the data');
  const module = lines('ffffffff92c00000 t helper\t[module]');
  t.strictSame(module.named('helper').map(sortOf), ['text']);
});
