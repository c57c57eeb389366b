/** Archives that no packager would make: `cat` writes them as dpkg-deb and bsdtar write those of packages. */
import { createWriteStream } from 'node:fs';
import { lstat, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Header, pack } from 'tar-stream';
import t, { type Test } from 'tap';
import { treeOf } from '../../testing/files.js';
import { unpackTar } from './unpack-package.js';

type MadeEntry = Partial<Header> & { readonly name: string; readonly bytes?: string };

async function archive(
  t: Test,
  entries: readonly MadeEntry[],
): Promise<{ tar: string; tree: string; dir: string }> {
  const dir = t.testdir({ tree: {} });
  const tar = join(dir, 'made.tar');
  const writer = pack();
  for (const { bytes, ...header } of entries) writer.entry(header, bytes ?? '');
  writer.finalize();
  await pipeline(writer, createWriteStream(tar));
  return { tar, tree: join(dir, 'tree'), dir };
}

async function unpacked(t: Test, entries: readonly MadeEntry[]) {
  const { tar, tree, dir } = await archive(t, entries);
  const ended = await unpackTar(['cat', tar], tree, undefined).catch((error: unknown) => error);
  return { ended, tree, dir };
}

const MODULE = 'lib/modules/6.1/kernel/a.ko';

void t.test('only files of a kernel are written; a second name of one is a link to it', async (t) => {
  const { ended, tree } = await unpacked(t, [
    { name: './', type: 'directory' },
    { name: './boot/vmlinuz-6.1', bytes: 'image' },
    { name: `./${MODULE}`, bytes: 'a' },
    { name: './lib/modules/6.1/kernel/b.ko', type: 'link', linkname: `./${MODULE}` },
    { name: './usr/share/doc/x', bytes: 'x' },
  ]);
  t.strictSame(ended, ['boot/vmlinuz-6.1', MODULE, 'lib/modules/6.1/kernel/b.ko']);
  t.equal(await readFile(join(tree, 'lib/modules/6.1/kernel/b.ko'), 'utf8'), 'a');
  t.notOk((await treeOf(tree)).includes('usr'));
});

void t.test('no link leads out of the tree', async (t) => {
  const { ended, tree, dir } = await unpacked(t, [
    { name: './lib', type: 'symlink', linkname: '..' },
    { name: './boot/vmlinuz-6.1', type: 'symlink', linkname: '/etc/hostname' },
    { name: './lib/modules/6.1/vmlinuz', bytes: 'inside' },
    { name: './lib/modules/6.1/fifo', type: 'fifo' },
    { name: './lib/modules/6.1/null', type: 'character-device', devmajor: 1, devminor: 3 },
  ]);
  t.strictSame(ended, ['lib/modules/6.1/vmlinuz']);
  t.ok((await lstat(join(tree, 'lib'))).isDirectory());
  t.strictSame(await treeOf(join(dir, 'tree')), [
    'lib',
    'lib/modules',
    'lib/modules/6.1',
    'lib/modules/6.1/vmlinuz',
  ]);
  t.notOk((await treeOf(dir)).includes('modules'));
  for (const linkname of ['/etc/passwd', './lib/modules/6.1/absent.ko', '']) {
    const linked = await unpacked(t, [{ name: `./${MODULE}`, type: 'link', linkname }]);
    t.match(linked.ended, { name: 'Error', message: 'it holds a link to a file that it does not hold' });
  }
});

void t.test('paths that leave the package, and names that are there twice', async (t) => {
  const outside = await unpacked(t, [{ name: '../../evil', bytes: 'x' }]);
  t.match(outside.ended, { message: 'it holds a path that leaves it' });
  const linked = await unpacked(t, [{ name: `./${MODULE}`, type: 'link', linkname: '../../../etc/passwd' }]);
  t.match(linked.ended, { message: 'it holds a path that leaves it' });
  const twice = await unpacked(t, [
    { name: MODULE, bytes: 'a' },
    { name: `./usr/${MODULE}`, bytes: 'b' },
  ]);
  t.match(twice.ended, { message: `${MODULE} is there twice` });
});

void t.test(
  'sizes are bounded, by what the archive says before anything of that size is written',
  async (t) => {
    const { tar, tree } = await archive(t, [{ name: MODULE, bytes: 'a' }]);
    const bytes = await readFile(tar);
    // A size of 9 GiB, in octal digits, and the header's sum.
    bytes.write('110000000000', 124, 'latin1');
    bytes.write('        ', 148, 'latin1');
    const sum = bytes.subarray(0, 512).reduce((all, one) => all + one, 0);
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    await writeFile(tar, bytes);
    await t.rejects(unpackTar(['cat', tar], tree, undefined), { message: 'it unpacks to more than 8 GiB' });
  },
);

void t.test('an archive that is cut off, and programs that fail', async (t) => {
  const { tar, tree, dir } = await archive(t, [{ name: MODULE, bytes: 'a'.repeat(100_000) }]);
  await writeFile(join(dir, 'cut'), (await readFile(tar)).subarray(0, 50_000));
  await t.rejects(unpackTar(['cat', join(dir, 'cut')], tree, undefined), {
    message: 'it is cut off or damaged',
  });
  const says = ['sh', '-c', `head -c 50000 ${tar}; echo "sh: the reason" >&2; exit 3`] as const;
  await t.rejects(unpackTar(says, join(dir, 'b'), undefined), {
    message: 'it is cut off or damaged (sh: the reason)',
  });
  const after = ['sh', '-c', `cat ${tar}; echo "sh: too late" >&2; exit 3`] as const;
  await t.rejects(unpackTar(after, join(dir, 'c'), undefined), {
    message: 'it is cut off or damaged (sh: too late)',
  });
  await t.rejects(unpackTar(['/nonexistent/program'], tree, undefined), { code: 'ENOENT' });
  const signal = AbortSignal.abort(new Error('enough'));
  await t.rejects(unpackTar(['cat', tar], join(dir, 'd'), signal), { message: 'enough' });
});
