import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { HostFact } from '../model/record.js';
import { knownSymbols, type SymbolSource } from './known-symbols.js';

const SHA = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);
const KALLSYMS = 'ffffffff81000000 T _text\nffffffff81000100 T panic\nffffffffc0000000 t made\t[made]\n';
const KERNELS = {
  production: { sha256: SHA, release: '6.1.0' },
  capture: { sha256: OTHER, release: '6.12.0' },
};

/** A guest whose shell answers the scripts that read symbols, or does not answer. */
function guest(answer: (script: string) => { status: number; output: string } | undefined) {
  const facts: HostFact[] = [];
  const scripts: string[] = [];
  const made: SymbolSource = {
    watch: { fact: (fact: HostFact) => facts.push(fact) },
    shell: {
      tryRun: async (script: string) => {
        scripts.push(script);
        return answer(script);
      },
    },
  };
  return {
    made,
    scripts,
    states: () => facts.map((fact) => (fact.fact === 'symbols' ? fact.state : fact.fact)),
  };
}

const packed = gzipSync(Buffer.from(KALLSYMS)).toString('latin1');
const healthy = (script: string) => {
  if (script.startsWith('now()')) return { status: 0, output: `0 ${packed.length}\n` };
  return { status: 0, output: script.startsWith('dd') ? packed : '' };
};

void t.test('symbols are read once for each image', async (t) => {
  const cacheDir = t.testdir({});
  const first = guest(healthy);
  const known = knownSymbols(first.made, { cacheDir, kernels: KERNELS });
  await known.prepare();
  t.strictSame(first.states(), ['reading', 'known']);
  const kernel = await known.of('production');
  t.equal(kernel?.release, '6.1.0');
  t.equal(kernel?.symbols.named('panic').length, 1);
  t.equal(kernel?.symbols.named('made').length, 0, 'modules are elsewhere at each boot');
  t.equal(await known.of('capture'), undefined, 'another image');
  const second = guest(healthy);
  await knownSymbols(second.made, { cacheDir, kernels: KERNELS }).prepare();
  t.strictSame(second.scripts, [], 'nothing is asked of the guest');
});

void t.test('a guest without symbols, or one that does not answer, goes on', async (t) => {
  for (const [answer, name] of [
    [() => undefined, 'silent'],
    [
      (script: string) =>
        script.startsWith('now()') ? { status: 1, output: '' } : { status: 0, output: '' },
      'none',
    ],
    [(script: string) => (script.startsWith('dd') ? undefined : healthy(script)), 'slow'],
  ] as const) {
    const one = guest(answer);
    const known = knownSymbols(one.made, { cacheDir: t.testdir({}), kernels: KERNELS });
    await known.prepare();
    t.strictSame(one.states(), ['reading', 'unknown'], name);
    t.equal(await known.of('production'), undefined, name);
  }
});

void t.test('no cache, or a 32-bit kernel: nothing is asked', async (t) => {
  const one = guest(healthy);
  await knownSymbols(one.made, { cacheDir: undefined, kernels: KERNELS }).prepare();
  const bits32 = { ...KERNELS, production: { ...KERNELS.production, bits: 32 as const } };
  await knownSymbols(one.made, { cacheDir: t.testdir({}), kernels: bits32 }).prepare();
  t.strictSame(one.scripts, []);
});

void t.test('symbols of this boot come first', async (t) => {
  const one = guest(healthy);
  const known = knownSymbols(one.made, { cacheDir: t.testdir({}), kernels: KERNELS });
  await known.prepare();
  const table = (await known.of('production'))?.symbols;
  const fresh = knownSymbols(one.made, { cacheDir: undefined, kernels: KERNELS });
  t.equal((await fresh.of('production', table))?.symbols, table);
  t.equal(await fresh.of('capture', table), undefined, 'another image');
});
