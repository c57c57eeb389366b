/** Commits of a git repository as kernel source, with a made source (testing/builders/kernel-source.ts). */
import { chmod, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { MadeRepository } from '../../testing/builders/git-tree.js';
import { CRASH_C, writeMadeSource, writeMadeTools } from '../../testing/builders/kernel-source.js';
import { scratch, writeTree } from '../../testing/files.js';
import { KernelDoesNotBuild } from './build-failure.js';
import { type BuildOptions, buildKernel } from './build.js';

const hostPath = process.env['PATH'] ?? '';
t.before(async () => {
  process.env['PATH'] = `${await writeMadeTools(join(await scratch(t), 'bin'))}:${hostPath}`;
});
t.teardown(() => {
  process.env['PATH'] = hostPath;
});

async function made(test: Parameters<typeof scratch>[0]) {
  const dir = await scratch(test);
  const repository = await MadeRepository.at(join(dir, 'linux'));
  await writeMadeSource(repository.path);
  const options: BuildOptions = { cacheDir: join(dir, 'cache'), jobs: 1 };
  const build = (commit: string) =>
    buildKernel({ source: { kind: 'git', repository: repository.path, commit }, variant: 'stock' }, options);
  const log = async () => {
    const logs = join(options.cacheDir, 'builds', 'logs');
    const texts = await Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')));
    return texts.join('\n');
  };
  const seed = async () => {
    const seeds = join(options.cacheDir, 'builds', 'seeds');
    const [name = ''] = await readdir(seeds);
    return join(seeds, name, 'src');
  };
  return { dir, repository, build, log, seed };
}

void t.test('commits are built in one directory, each file once, and the tree is left alone', async (t) => {
  const { dir, repository, build, log, seed } = await made(t);
  const first = await repository.commit('first');
  const second = await repository.commit('second', { 'kernel/fork.c': 'int second;\n' });
  const words = await repository.commit('only words', { 'Documentation/x.rst': 'words\n' });
  await repository.git('revert', '--no-edit', second);
  await repository.git('revert', '--no-edit', words);
  const reverted = await repository.git('rev-parse', 'HEAD');
  // A file of the user that is not committed, and hooks and settings that must not run.
  const ran = join(dir, 'ran');
  await writeTree(repository.path, { 'kernel/mine.c': 'int mine;\n' });
  for (const hook of ['post-checkout', 'post-index-change', 'reference-transaction']) {
    await writeTree(repository.path, { [`.git/hooks/${hook}`]: `#!/bin/sh\necho ${hook} >> ${ran}\n` });
    await chmod(join(repository.path, '.git/hooks', hook), 0o755);
  }
  await repository.git('config', 'core.fsmonitor', `echo monitor >> ${ran}`);
  await repository.git('config', 'alias.read-tree', `!echo alias >> ${ran}`);
  await repository.git('config', 'core.autocrlf', 'true');
  const hooksOff = ['-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false'];
  const state = () => repository.git(...hooksOff, 'status', '--porcelain', '--branch');
  const before = await state();

  const one = await build(first);
  t.match(one.release, '6.1.7-cp-stock');
  const two = await build(second);
  t.match(await readFile(two.bzImage, 'latin1'), /int second/);
  t.notMatch(await readFile(one.bzImage, 'latin1'), /int second/);
  t.equal((await log()).match(/CC {6}kernel\/fork\.o/g)?.length, 2);
  t.equal(
    (await log()).match(/CC {6}arch\/x86\/kernel\/crash\.o/g)?.length,
    1,
    'what is the same is not built again',
  );
  t.not((await build(words)).bzImage, two.bzImage, 'other files, even if they are not compiled');
  const logged = await log();
  t.strictSame(await build(reverted), one, 'the same files are the same kernel');
  t.strictSame(await build(first), one);
  t.equal(await log(), logged);
  t.strictSame(
    (await readdir(await seed())).includes('Documentation'),
    true,
    'nothing was checked out for them',
  );
  t.equal(await state(), before);
  await t.rejects(stat(ran), { code: 'ENOENT' }, 'no hook, alias or monitor of the user ran');
});

void t.test('what a killed checkout or build left behind does not count', async (t) => {
  const { repository, build, seed } = await made(t);
  const first = await repository.commit('first');
  const second = await repository.commit('second', {
    'kernel/fork.c': 'int second;\n',
    'kernel/new.c': 'int x;\n',
  });
  const third = await repository.commit('third', { 'kernel/fork.c': 'int third;\n' });
  await build(second);
  const src = await seed();
  await writeFile(`${src}.index.lock`, '');
  await writeTree(src, {
    'kernel/fork.c': 'half of a fi',
    'kernel/left.c': 'left\n',
    'arch/x86/left.o': 'left\n',
  });
  t.match(await readFile((await build(third)).bzImage, 'latin1'), /int third/);
  t.strictSame(await readdir(join(src, 'kernel')), ['fork.c', 'new.c']);
  await build(first);
  t.strictSame(await readdir(join(src, 'kernel')), ['fork.c'], 'a file that is not in the commit is gone');
  await rm(src, { recursive: true });
  await repository.commit('fourth', { 'kernel/fork.c': 'int fourth;\n' });
  t.match(await readFile((await build('main')).bzImage, 'latin1'), /int fourth/);
});

void t.test('after the clock was set back everything is built again', async (t) => {
  const { repository, build, seed, log } = await made(t);
  const first = await repository.commit('first');
  const second = await repository.commit('second', { 'kernel/fork.c': 'int second;\n' });
  await build(first);
  const config = join(await seed(), 'crashpath-build', '.config');
  const later = new Date(Date.now() + 3_600_000);
  await utimes(config, later, later);
  await build(second);
  t.equal((await log()).match(/CC {6}arch\/x86\/kernel\/crash\.o/g)?.length, 2);
});

void t.test('a commit that gives no kernel is distinguished from a mistake', async (t) => {
  const { dir, repository, build } = await made(t);
  const broken = await repository.commit('broken', { 'arch/x86/kernel/crash.c': `${CRASH_C}BROKEN\n` });
  await rm(join(repository.path, 'arch'), { recursive: true });
  const empty = await repository.commit('no kernel');
  const evil = await repository.commit('evil version', {
    'arch/x86/Kconfig': '',
    Makefile: 'VERSION = ../../x\nPATCHLEVEL = 1\n',
  });
  for (const [commit, why] of [
    [broken, /error: this is broken; see/],
    [empty, /it is not the top of a Linux source/],
    [evil, /it is not the top of a Linux source/],
  ] as const) {
    const failed = await build(commit).catch((error: unknown) => error);
    t.ok(failed instanceof KernelDoesNotBuild);
    t.match(failed, { kind: 'usage', message: why });
  }
  const mistakes = async (work: Promise<unknown>, message: RegExp) => {
    const failed = await work.catch((error: unknown) => error);
    t.notOk(failed instanceof KernelDoesNotBuild);
    t.match(failed, { kind: 'usage', message });
  };
  await mistakes(
    build('no-such-tag'),
    /cannot use commit "no-such-tag": the git tree .* has no such commit; /,
  );
  await mistakes(build('--all'), /cannot use commit "--all"/);
  const nowhere = { kind: 'git', repository: join(dir, 'none'), commit: 'main' } as const;
  await mistakes(
    buildKernel({ source: nowhere, variant: 'stock' }, { cacheDir: join(dir, 'cache') }),
    /cannot read the git tree ".*none": .*; give a directory in which git log works/,
  );
});
