import { join } from 'node:path';
import t from 'tap';
import { findVariant, findVariants, isVariantName, listVariants } from './variants.js';

void t.test('the variants that come with crashpath say what they are', async (t) => {
  const variants = await listVariants();
  t.strictSame(Object.fromEntries(variants.map(({ name, appliesTo }) => [name, appliesTo])), {
    'console-zap': ['6.1'],
    'no-zap': ['6.1', '6.12'],
    seeded: ['6.1'],
    'shutdown-lock': ['6.1'],
    'shutdown-trylock': ['6.1'],
    stock: 'any',
    zickus: ['6.1', '6.12'],
  });
  for (const { name, description, patch } of variants) {
    t.ok(description !== name && description.length < 100, name);
    t.equal(patch === undefined, name === 'stock');
  }
  t.equal(await isVariantName('no-zap'), true);
  t.equal(await isVariantName('./no-zap'), false);
  t.equal(await isVariantName('nozap'), false);
});

void t.test('a patch of the caller is named after its file', async (t) => {
  const dir = t.testdir({
    'My Fix (v2).patch': '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n',
    'empty.diff': 'nothing\n',
  });
  t.match(await findVariant(join(dir, 'My Fix (v2).patch')), {
    name: 'my-fix-v2',
    description: 'my-fix-v2',
    appliesTo: [],
    patch: { sha256: /^[0-9a-f]{64}$/ },
  });
  await t.rejects(findVariant(join(dir, 'empty.diff')), { kind: 'usage', message: /holds no hunk/ });
  await t.rejects(findVariant(join(dir, 'absent.patch')), { kind: 'usage', message: /no such file/ });
  await t.rejects(findVariant('no-zip'), { kind: 'usage', message: /write one of no-zap/ });
});

void t.test('several patches are one variant, in their order', async (t) => {
  const hunk = (line: string) => `--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+${line}\n`;
  const dir = t.testdir({ 'one.patch': hunk('1'), 'two-with-a-rather-long-name.patch': hunk('2') });
  const [one, two] = [join(dir, 'one.patch'), join(dir, 'two-with-a-rather-long-name.patch')];
  t.match(await findVariants([]), { name: 'stock', patch: undefined });
  t.strictSame(await findVariants([one]), await findVariant(one));
  const both = await findVariants([two, one]);
  t.match(both, { name: 'two-with-a-rather-long+1', patch: { paths: [two, one] } });
  t.ok(both.name.length <= 24);
  t.not((await findVariants([one, two])).patch?.sha256, both.patch?.sha256);
  t.match(await findVariants(['stock', one]), { name: 'stock+1', patch: { paths: [one] } });
  await t.rejects(findVariants([one, 'no-zip']), { kind: 'usage', message: /write one of no-zap/ });
});
