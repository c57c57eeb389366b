import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Kernel } from '../../model/kernel.js';
import { guestProgramsFor } from './guest-programs.js';

function kernelOf(bits: 32 | 64 | undefined): Kernel {
  const kernel = {
    spec: 'made',
    release: '6.1.0-made',
    label: 'made',
    sha256: '0'.repeat(64),
    bzImage: '/made',
  };
  return bits === undefined ? kernel : { ...kernel, bits };
}

/** Options of a host that has one Debian source and was never connected. */
async function offline(t: Test) {
  const root = t.testdir({
    cache: {},
    apt: { 'sources.list': 'deb http://deb.debian.org/debian bookworm main\n' },
  });
  const said: string[] = [];
  const options = {
    ...{ cacheDir: join(root, 'cache'), aptEtcDir: join(root, 'apt'), offline: true },
    onProgress: (line: string) => said.push(line),
  };
  return { options, said, programs: join(root, 'cache', 'programs') };
}

async function makeTree(dir: string, atSeconds: number): Promise<void> {
  await mkdir(join(dir, 'bin'), { recursive: true });
  await utimes(dir, atSeconds, atSeconds);
}

void t.test('a 64-bit kernel runs the programs of the host', async (t) => {
  const { options, said, programs } = await offline(t);
  await makeTree(join(programs, 'a'), 1000);
  t.equal(await guestProgramsFor(kernelOf(64), options), undefined);
  t.equal(
    await guestProgramsFor(kernelOf(undefined), options),
    undefined,
    'a kernel of unknown width is one',
  );
  t.strictSame(said, []);
});

void t.test('without the archive a 32-bit kernel gets the newest tree of the cache', async (t) => {
  const { options, said, programs } = await offline(t);
  await makeTree(join(programs, 'older'), 1000);
  await makeTree(join(programs, 'newer'), 2000);
  await makeTree(join(programs, 'oldest'), 500);
  await writeFile(join(programs, 'newest-but-a-file'), '');
  t.equal(await guestProgramsFor(kernelOf(32), options), join(programs, 'newer'));
  t.match(said, [/never fetched.*: using the 32-bit programs in the cache$/]);
});

void t.test(
  'without the archive and without a tree it is a harness fault, never the programs of the host',
  async (t) => {
    const { options, programs } = await offline(t);
    const refused = { kind: 'harness', message: /^cannot list the kernels of Debian .* never fetched; / };
    await t.rejects(guestProgramsFor(kernelOf(32), options), refused);
    await mkdir(programs);
    await writeFile(join(programs, 'a-file'), '');
    await t.rejects(guestProgramsFor(kernelOf(32), options), refused);
    t.strictSame(await readdir(programs), ['a-file'], 'nothing is made');
  },
);

void t.test('an abort is no missing archive', async (t) => {
  const { options, programs } = await offline(t);
  await makeTree(join(programs, 'a'), 1000);
  const signal = AbortSignal.abort(new Error('stopped'));
  await t.rejects(guestProgramsFor(kernelOf(32), { ...options, signal }), { message: 'stopped' });
});
