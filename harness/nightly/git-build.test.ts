import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { scratch } from '../testing/files.js';
import { checkOut } from './git-build.js';

t.test('a commit is checked out in the cache; the work tree of the user stays as it is', async (t) => {
  const root = await scratch(t);
  const repository = join(root, 'linux');
  await mkdir(repository);
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-C', repository, ...args]);
  await git('init', '-q', '-b', 'main');
  await writeFile(join(repository, 'a'), 'one');
  await writeFile(join(repository, 'b'), 'same');
  await git('add', '.');
  await git('commit', '-q', '-m', 'one');
  await writeFile(join(repository, 'a'), 'two');
  await git('commit', '-q', '-a', '-m', 'two');
  await writeFile(join(repository, 'a'), 'edited');
  const options = { cacheDir: join(root, 'cache') };
  const first = await checkOut({ git: repository, ref: 'main~1' }, options);
  t.equal(await readFile(join(first.tree, 'a'), 'utf8'), 'one');
  t.match(first.commit, /^[0-9a-f]{40}$/);
  const before = await stat(join(first.tree, 'b'));
  await writeFile(join(first.tree, 'left-over'), 'x');
  const second = await checkOut({ git: repository, ref: 'main' }, options);
  t.equal(second.tree, first.tree);
  t.equal(await readFile(join(second.tree, 'a'), 'utf8'), 'two');
  t.equal((await stat(join(second.tree, 'b'))).mtimeMs, before.mtimeMs, 'not compiled again');
  await t.rejects(stat(join(second.tree, 'left-over')), { code: 'ENOENT' });
  t.equal(await readFile(join(repository, 'a'), 'utf8'), 'edited');
  const refused = (ref: string) => checkOut({ git: repository, ref }, options);
  await t.rejects(refused('no-branch'), {
    message: /^cannot find "no-branch" in the git repository ".*": .*; check the path and the reference$/,
  });
  await t.rejects(refused('--help'), { message: /^cannot find "--help"/ });
  await t.rejects(checkOut({ git: join(root, 'cache'), ref: 'main' }, options), {
    message: /^cannot find "main"/,
  });
});
