import { readFile, realpath, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { copyBuild, linkTree } from './overlay.js';
import { writeTree } from '../../testing/files.js';

void t.test('a copied build keeps its times and names its own place', async (t) => {
  const dir = await realpath(t.testdir({}));
  const [from, to] = [join(dir, 'seed/src'), join(dir, 'variant/src')];
  await writeTree(from, {
    'kernel/fork.c': 'int fork;\n',
    'obj/kernel/fork.o': 'made\n',
    'obj/tools/objtool/.check.o.cmd': `cmd := gcc -o ${from}/obj/tools/objtool/check.o\n`,
    'obj/tools/objtool/check.o': `binary ${from}\n`,
  });
  await utimes(join(from, 'obj/kernel/fork.o'), 1000, 1000);
  await linkTree(from, to, { cacheDir: dir, except: 'obj' });
  await copyBuild(join(from, 'obj'), join(to, 'obj'), { cacheDir: dir });
  t.equal((await stat(join(to, 'kernel/fork.c'))).ino, (await stat(join(from, 'kernel/fork.c'))).ino);
  t.equal((await stat(join(to, 'obj/kernel/fork.o'))).mtimeMs, 1_000_000);
  const text = (name: string) => readFile(join(to, 'obj/tools/objtool', name), 'utf8');
  t.equal(await text('.check.o.cmd'), `cmd := gcc -o ${to}/obj/tools/objtool/check.o\n`);
  t.equal(await text('check.o'), `binary ${from}\n`, 'only what make reads is rewritten');
});
