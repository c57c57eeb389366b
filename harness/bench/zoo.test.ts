import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { PACKAGE_ROOT } from '../cli/context.js';
import { loadScenarios } from '../prepare/scenario-files.js';
import { scenarioOf } from './plan-rows.js';
import { parseZoo, readZoo } from './zoo.js';

const HEAD = 'version: 1\nrows:\n  - name: made\n    kinds: [A]\n    truth: made\n    imitates: nothing\n';

void t.test('the zoo: enough rows, enough of them slow and alive, every kind', async (t) => {
  const zoo = await readZoo(PACKAGE_ROOT);
  const seeded = zoo.filter((row) => (row.seed ?? row.captureSeed) !== undefined);
  t.ok(seeded.length >= 40, `${seeded.length} rows with a seed`);
  const slow = zoo.filter((row) => row.slow);
  t.ok(slow.length >= 10, `${slow.length} rows that are slow and alive`);
  for (const row of slow)
    t.notOk(
      row.expect.some(({ word }) => word.endsWith('-hang')),
      `${row.name} is never a hang`,
    );
  t.strictSame([...new Set(zoo.flatMap(({ kinds }) => kinds))].sort(), 'ABCDEFGHIJKLMN'.split(''));
});

void t.test('every seed of a row is in the patch, and every seed of the patch has a row', async (t) => {
  const zoo = await readZoo(PACKAGE_ROOT);
  const patch = await readFile(join(PACKAGE_ROOT, 'images/patches/seeded.patch'), 'utf8');
  const used = new Set(
    zoo.flatMap(({ seed, captureSeed }) => [seed, captureSeed]).flatMap((word) => word?.split(':')[0] ?? []),
  );
  const known = new Set(
    [...patch.matchAll(/(?:cpseed_is\("|\{ "|strcmp\(name, ")([a-z0-9-]+)"/g)].map(([, name = '']) => name),
  );
  t.strictSame(
    [...used].filter((name) => !known.has(name)),
    [],
    'no row names a seed that is not there',
  );
  t.strictSame(
    [...known].filter((name) => !used.has(name)),
    [],
    'no seed is without a row',
  );
});

void t.test('every row becomes a scenario of its own name', async (t) => {
  for (const row of await readZoo(PACKAGE_ROOT)) {
    const bases = await loadScenarios(row.scenario, { packageRoot: PACKAGE_ROOT });
    t.equal(bases.length, 1, `${row.name}: ${row.scenario} is one scenario`);
    const [base] = bases;
    if (base === undefined) continue;
    const scenario = scenarioOf(row, base);
    t.equal(scenario.name, row.name);
    t.equal(scenario.guest.cpus, row.options.cpus ?? base.guest.cpus);
    t.equal(scenario.expect.verdict, row.expect[0]?.word);
    if (row.names !== undefined) t.doesNotThrow(() => new RegExp(row.names ?? ''), row.name);
  }
});

void t.test('mistakes in the file are named', async (t) => {
  const parse = (lines: string) => () => parseZoo(HEAD + lines, 'zoo.yaml');
  t.throws(parse('    expect: [captured dirty]\n'), /"captured dirty" is not WORD/);
  t.throws(parse('    expect: [no-panic clean]\n'), /"no-panic clean" is not WORD/);
  t.throws(parse('    expect: [hung]\n'), /"hung" is not WORD/);
  t.throws(parse('    expect: [captured]\n    seed: a b\n'), /must be NAME or NAME:NUMBER/);
  t.throws(parse('    expect: [captured]\n    seed: x\n    kernel: stock\n'), /no seed/);
  t.throws(
    parse(`    expect: [captured]\n${HEAD.slice(HEAD.indexOf('  - '))}    expect: [captured]\n`),
    /two rows are called "made"/,
  );
});
