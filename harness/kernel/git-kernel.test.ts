/** Refs of a git tree as kernel specs, with a made source (testing/builders/kernel-source.ts). */
import { mkdir, readFile, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { MadeRepository } from '../testing/builders/git-tree.js';
import { writeMadeSource, writeMadeTools } from '../testing/builders/kernel-source.js';
import { scratch, writeTree } from '../testing/files.js';
import { listKernels, listKernelSpecs, resolveKernel } from './resolve.js';

const hostPath = process.env['PATH'] ?? '';
t.before(async () => {
  process.env['PATH'] = `${await writeMadeTools(join(await scratch(t), 'bin'))}:${hostPath}`;
});
t.teardown(() => {
  process.env['PATH'] = hostPath;
});

const patch = (from: string, to: string) =>
  `--- a/kernel/fork.c\n+++ b/kernel/fork.c\n@@ -1 +1 @@\n-int ${from};\n+int ${to};\n`;

async function made(test: Test) {
  const dir = await scratch(test);
  const repository = await MadeRepository.at(join(dir, 'linux'));
  await writeMadeSource(repository.path);
  const first = await repository.commit('first');
  await repository.git('tag', 'v6.1');
  const second = await repository.commit('second', { 'kernel/fork.c': 'int second;\n' });
  const options = { cacheDir: join(dir, 'cache') };
  const text = async (spec: string) => readFile((await resolveKernel(spec, options)).bzImage, 'latin1');
  return { dir, repository, first, second, options, text };
}

void t.test('a ref is built, and its label says which commit it was', async (t) => {
  const { repository, first, second, options } = await made(t);
  const tree = `git:${repository.path}`;
  const old = await resolveKernel(`${tree}@v6.1`, options);
  t.match(old, {
    spec: `${tree}@v6.1`,
    release: '6.1.7-cp-stock',
    label: `6.1.7-cp-stock-g${first.slice(0, 12)}`,
  });
  const head = await resolveKernel(`${tree}@HEAD`, options);
  t.equal(head.label, `6.1.7-cp-stock-g${second.slice(0, 12)}`);
  t.not(head.sha256, old.sha256);
  t.equal((await resolveKernel(`${tree}@HEAD~1`, options)).bzImage, old.bzImage, 'the same commit');

  await t.test('the list names commits, for as long as the tree is there', async (t) => {
    const specs = [first, second].map((commit) => `${tree}@${commit.slice(0, 12)}`).sort();
    t.strictSame((await listKernelSpecs(options)).sort(), specs);
    for (const { spec, bzImage } of await listKernels(options)) {
      t.equal((await resolveKernel(spec, options)).bzImage, bzImage);
    }
    await rename(repository.path, `${repository.path}.gone`);
    t.match(await listKernelSpecs(options), [/\/kernels\/[0-9a-f]{64}$/, /\/kernels\/[0-9a-f]{64}$/]);
  });
});

void t.test(
  'patches are applied in their order, variants of crashpath among them; fragments are merged',
  async (t) => {
    const { dir, repository, text, options } = await made(t);
    const tree = `git:${repository.path}@v6.1`;
    await writeTree(dir, {
      'one.patch': patch('fork', 'one'),
      'two.patch': patch('one', 'two'),
      'a.config': 'CONFIG_A=y\nCONFIG_B=y\n',
      'b.config': 'CONFIG_B=m\n',
      'never.config': 'CONFIG_NEVER=y\n',
    });
    const at = (name: string) => join(dir, name);
    t.match(await text(`${tree}+${at('one.patch')}`), /int one;/);
    const both = await text(`${tree}+${at('one.patch')}+${at('two.patch')}`);
    t.match(both, /int two;/);
    t.match(both, /6\.1\.7-cp-one\+1/);
    t.match(await text(`${tree}+no-zap`), /int fork;/);
    t.notMatch(await text(`${tree}+no-zap`), /ioapic_zap_locks/);
    t.match((await listKernelSpecs(options)).join('\n'), /git:.*\+no-zap$/m);
    await t.rejects(resolveKernel(`${tree}+${at('two.patch')}+${at('one.patch')}`, options), {
      kind: 'usage',
      message: /^cannot apply patch ".*two\.patch" to Linux 6\.1\.7: /,
    });
    await t.rejects(resolveKernel(`${tree}+${at('absent.patch')}`, options), {
      kind: 'usage',
      message: /^cannot read patch ".*absent\.patch": no such file/,
    });
    const configured = await resolveKernel(`${tree}+${at('a.config')}+${at('b.config')}`, options);
    const config = await readFile(configured.config ?? '', 'utf8');
    t.match(config, /CONFIG_A=y\n/);
    t.match(config, /CONFIG_B=m\n/);
    await t.rejects(resolveKernel(`${tree}+${at('never.config')}`, options), {
      kind: 'usage',
      message: /CONFIG_NEVER=y is absent/,
    });
  },
);

void t.test('a tree or a ref that does not exist', async (t) => {
  const { dir, repository, options } = await made(t);
  const cases: [string, RegExp][] = [
    [
      `git:${repository.path}@v9.9`,
      /^cannot use ref "v9\.9": the git tree ".*" has no such commit; give a tag/,
    ],
    [`git:${repository.path}@--all`, /^cannot use ref "--all"/],
    [
      `git:${dir}/none@v6.1`,
      /^cannot read the git tree ".*none": .*; give a directory in which git log works/,
    ],
    [`git:${dir}@v6.1`, /^cannot read the git tree/],
  ];
  for (const [spec, why] of cases) {
    await t.rejects(resolveKernel(spec, options), { kind: 'usage', message: why }, spec);
  }
  const strange = join(dir, 'me@work');
  await mkdir(strange);
  await rename(repository.path, join(strange, 'linux'));
  await t.rejects(resolveKernel(`git:${strange}/linux@v6.1`, options), {
    kind: 'usage',
    message: /the first @ ends its path; name a tree whose path has an @ by a symbolic link/,
  });
  await symlink(join(strange, 'linux'), join(dir, 'link'));
  t.match(await resolveKernel(`git:${dir}/link@v6.1`, options), { release: '6.1.7-cp-stock' });
});
