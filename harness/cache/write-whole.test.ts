import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { keepFile, readJsonFile } from './kept-file.js';
import { writeWhole } from './write-whole.js';

void t.test('with several writers at once one file is complete, and nothing else stays', async (t) => {
  const dir = t.testdir({ file: 'old' });
  const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(100_000));
  await Promise.all(texts.map((text) => writeWhole(join(dir, 'file'), text, { mode: 0o600 })));
  t.ok(texts.includes(await readFile(join(dir, 'file'), 'utf8')));
  t.strictSame(await readdir(dir), ['file']);
  t.equal((await stat(join(dir, 'file'))).mode & 0o777, 0o600);
});

void t.test('a write that fails throws the error and leaves the old file', async (t) => {
  const dir = t.testdir({ taken: { x: '' } });
  await t.rejects(writeWhole(join(dir, 'none', 'file'), 'new'), { code: 'ENOENT' });
  await t.rejects(writeWhole(join(dir, 'taken'), 'new'), { code: 'EISDIR' });
  t.strictSame(await readdir(dir), ['taken']);
});

void t.test('a failed write is a reason, an unreadable file is absent', async (t) => {
  const dir = t.testdir({ file: '', torn: '{"a": ' });
  const schema = z.object({ a: z.number() });
  t.match(await keepFile(join(dir, 'file', 'x.json'), '{}'), /ENOTDIR|EEXIST/);
  t.equal(await keepFile(join(dir, 'new', 'x.json'), '{"a": 1}'), undefined);
  t.same(await readJsonFile(join(dir, 'new', 'x.json'), schema), { a: 1 });
  await writeFile(join(dir, 'new', 'y.json'), '{"a": "b"}');
  for (const path of ['torn', 'absent', 'new/y.json', 'new']) {
    t.equal(await readJsonFile(join(dir, path), schema), undefined, path);
  }
  if (process.getuid?.() === 0) return;
  await mkdir(join(dir, 'closed'));
  await chmod(join(dir, 'closed'), 0o500);
  t.match(await keepFile(join(dir, 'closed', 'x'), ''), /EACCES/);
});
