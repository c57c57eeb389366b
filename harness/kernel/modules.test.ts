import { execaSync } from 'execa';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { Kernel } from '../model/kernel.js';
import { makeModule } from '../testing/builders/kernels.js';
import { modulesFor } from './modules.js';
import { writeTree } from '../testing/files.js';

function kernelAt(dir: string, parts: Partial<Kernel> = {}): Kernel {
  const release = '6.1.0-1-amd64';
  return {
    spec: dir,
    release,
    label: release,
    sha256: '',
    bzImage: join(dir, 'vmlinuz'),
    modulesDir: dir,
    ...parts,
  };
}

function pack(tool: string, bytes: Buffer): Buffer {
  return Buffer.from(execaSync(tool, ['-c'], { input: bytes, encoding: 'buffer' }).stdout);
}

void t.test('modules come with their dependencies, each once, in load order, uncompressed', async (t) => {
  const dir = t.testdir();
  await writeTree(dir, {
    'kernel/net/made-net.ko.xz': pack('xz', makeModule(['made_ring', 'made-fail', 'made_core'])),
    'kernel/net/made_fail.ko.zst': pack('zstd', makeModule([])),
    'kernel/bus/made_ring.ko.gz': gzipSync(makeModule(['made_core', 'made_builtin'])),
    'kernel/bus/made_core.ko': makeModule([]),
    'modules.builtin': 'kernel/lib/made-builtin.ko\n',
  });
  const modules = await modulesFor(kernelAt(dir), ['made_net', 'made-ring', 'made_builtin']);
  t.strictSame(
    modules.map(({ name }) => name),
    ['made_core', 'made_ring', 'made_fail', 'made_net'],
  );
  t.strictSame(modules[2]?.bytes, makeModule([]));
  t.strictSame(modules[3]?.bytes, makeModule(['made_ring', 'made-fail', 'made_core']));
});

void t.test("updates take precedence over the kernel's modules", async (t) => {
  const dir = t.testdir();
  await writeTree(dir, { 'kernel/a.ko': makeModule(['b']), 'updates/dkms/a.ko': makeModule([]) });
  t.strictSame(await modulesFor(kernelAt(dir), ['a']), [{ name: 'a', bytes: makeModule([]) }]);
});

void t.test('what cannot be loaded is named, with what is near', async (t) => {
  const dir = t.testdir();
  await writeTree(dir, {
    'kernel/e1000.ko': makeModule([]),
    'kernel/lost.ko': makeModule(['absent']),
    'kernel/ring1.ko': makeModule(['ring2']),
    'kernel/ring2.ko': makeModule(['ring1']),
    'kernel/torn.ko': makeModule([]).subarray(0, 90),
    'kernel/torn2.ko.xz': 'no xz',
  });
  const kernel = kernelAt(dir);
  await t.rejects(modulesFor(kernel, ['e100']), { kind: 'usage', message: /"e100".*nearest names: e1000/ });
  await t.rejects(modulesFor(kernel, ['lost']), { kind: 'harness', message: /"lost".*needs absent/ });
  await t.rejects(modulesFor(kernel, ['ring1']), { kind: 'harness', message: /ring1 > ring2 > ring1/ });
  await t.rejects(modulesFor(kernel, ['torn']), { kind: 'harness', message: /section table/ });
  await t.rejects(modulesFor(kernel, ['torn2']), {
    kind: 'harness',
    message: /^cannot read module .*; remove/,
  });
});

void t.test('a kernel without a module tree', async (t) => {
  const dir = t.testdir({ off: 'CONFIG_SMP=y\n# CONFIG_MODULES is not set\n', on: 'CONFIG_MODULES=y\n' });
  const bare = kernelAt(dir, { modulesDir: undefined });
  t.strictSame(await modulesFor(bare, []), []);
  await t.rejects(modulesFor(bare, ['e1000']), { kind: 'usage', message: /"e1000".*no lib\/modules/ });
  await t.rejects(modulesFor({ ...bare, config: join(dir, 'on') }, ['e1000']), {
    kind: 'usage',
    message: /CONFIG_MODULES off/,
  });
  t.strictSame(
    await modulesFor({ ...bare, config: join(dir, 'off') }, ['e1000']),
    [],
    'all is built in, or absent',
  );
});
