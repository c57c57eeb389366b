/** Repacks with xz of this host. */
import { readFileSync } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { sha256Of, sha256OfFile } from '../../cache/sha256.js';
import type { Kernel } from '../../model/kernel.js';
import { scratch } from '../../testing/files.js';
import { partsOf } from './move-tail.js';
import { unpackPayload } from './payload.js';
import { removeRepacked, repackKernel } from './repack.js';

const VMLINUX = Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(3_000_000, 'crash')]);

/** VMLINUX as a kernel's build packs it. */
async function packed(t: Test): Promise<Buffer> {
  const file = join(await scratch(t), 'vmlinux');
  await writeFile(file, VMLINUX);
  const { stdout } = await execa('xz', ['--check=crc32', '--stdout', file], { encoding: 'buffer' });
  return Buffer.from(stdout);
}

/** A real decompressor, around another payload. */
async function made(t: Test, payload: Buffer): Promise<Kernel> {
  const file = join(import.meta.dirname, '../../../harness/kernel/repack/testdata/built-6.1.bin.gz');
  const bytes = gunzipSync(readFileSync(file));
  const at = (bytes.readUInt8(0x1f1) + 1) * 512 + bytes.readUInt32LE(0x248);
  // The lengths of the payload that was there, and where its decompressor holds them.
  const lengths = Buffer.from('065e340010ebfd00', 'hex');
  const tail = Buffer.from(bytes.subarray(at));
  const place = tail.indexOf(lengths);
  // Nearly as long as the one that was there, so that only addresses look like addresses; .xz allows zeros at its end.
  const padded = Buffer.alloc(3_431_940);
  payload.copy(padded);
  padded.writeUInt32LE(VMLINUX.length, padded.length - 4);
  tail.writeUInt32LE(padded.length, place);
  tail.writeUInt32LE(VMLINUX.length, place + 4);
  const head = Buffer.from(bytes.subarray(0, at));
  head.writeUInt32LE(padded.length, 0x24c);
  const image = Buffer.concat([head, padded, tail, Buffer.alloc(2)]);
  const bzImage = join(await scratch(t), 'vmlinuz');
  await writeFile(bzImage, image);
  return { spec: './vmlinuz', label: 'made', release: '6.1.192-cp-stock', sha256: sha256Of(image), bzImage };
}

void t.test('a kernel is repacked once, and again when the cached one is damaged', async (t) => {
  const kernel = await made(t, await packed(t));
  const cacheDir = join(await scratch(t), 'cache');
  const said: string[] = [];
  const options = { cacheDir, onProgress: (line: string) => said.push(line) };
  const first = await repackKernel(kernel, options);
  t.match(first, {
    compression: 'xz',
    vmlinuxSha256: sha256Of(VMLINUX),
    bytes: (await stat(first.bzImage)).size,
  });
  t.equal(await sha256OfFile(first.bzImage), first.sha256);
  const parts = partsOf(readFileSync(first.bzImage));
  if ('why' in parts) throw new Error(parts.why);
  t.ok((await unpackPayload(parts.payload, { directory: await scratch(t) })).equals(VMLINUX));

  t.strictSame(await repackKernel(kernel, options), first);
  t.strictSame(said, ['repacking made']);
  await writeFile(first.bzImage, 'damaged');
  t.strictSame(await repackKernel(kernel, options), first);
  t.equal(await sha256OfFile(first.bzImage), first.sha256);
  t.equal(said.length, 2);

  await removeRepacked(cacheDir, kernel.sha256);
  t.strictSame(await readdir(join(cacheDir, 'repacked')), []);
  await removeRepacked(cacheDir, kernel.sha256);
});

void t.test('refused: a file that changed, and a payload that is not decompressed slowly', async (t) => {
  const kernel = await made(t, await packed(t));
  const options = { cacheDir: join(await scratch(t), 'cache') };
  await t.rejects(repackKernel({ ...kernel, sha256: 'f'.repeat(64) }, options), {
    kind: 'usage',
    message: /cannot repack kernel ".\/vmlinuz": it changed since it was resolved; run again/,
  });
  const lz4 = await made(t, Buffer.from('02214c18', 'hex'));
  await t.rejects(repackKernel(lz4, options), {
    kind: 'usage',
    message: /its payload is lz4, and only xz takes long to decompress; leave out --repack/,
  });
  const torn = await made(t, (await packed(t)).subarray(0, 200));
  await t.rejects(repackKernel(torn, options), {
    kind: 'harness',
    message: /cannot repack a kernel with "xz": .*; check the kernel image/,
  });
});
