/** From a source tree to the cache, with a made source (testing/builders/kernel-source.ts). */
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { modulesFor } from '../modules.js';
import { listKernels, removeKernel, resolveKernel } from '../resolve.js';
import { type BuildOptions, buildKernel, removeBuilds } from './build.js';
import { CRASH_C, writeMadeSource, writeMadeTools } from '../../testing/builders/kernel-source.js';

const base = t.testdir({});
const hostPath = process.env['PATH'] ?? '';
process.env['PATH'] = `${await writeMadeTools(join(base, 'bin'))}:${hostPath}`;
t.teardown(() => {
  process.env['PATH'] = hostPath;
});

let path = '';
let lines: string[] = [];
let options: BuildOptions = { cacheDir: '' };
t.beforeEach(async (t) => {
  const dir = t.testdir({});
  path = join(dir, 'linux');
  await writeMadeSource(path);
  lines = [];
  options = { cacheDir: join(dir, 'cache'), jobs: 1, onProgress: (line) => lines.push(line) };
});

function build(variant: string, more: { configFragment?: string } = {}, signal?: AbortSignal) {
  return buildKernel({ source: { kind: 'tree', path }, variant, ...more }, { ...options, signal });
}

async function logOf(variant: string): Promise<string> {
  const logs = join(options.cacheDir, 'builds', 'logs');
  const name = (await readdir(logs)).find((file) => file.includes(`-${variant}-`));
  return await readFile(join(logs, name ?? 'none'), 'utf8');
}

async function textOf(kernel: { bzImage: string }): Promise<string> {
  return await readFile(kernel.bzImage, 'latin1');
}

void t.test(
  'a variant is built from the seed, recompiling one file, and both stay in the cache',
  async (t) => {
    const noZap = await build('no-zap');
    t.match(noZap, { release: '6.1.7-cp-no-zap', label: '6.1.7-cp-no-zap', sha256: /^[0-9a-f]{64}$/ });
    const text = await textOf(noZap);
    t.notOk(text.includes('ioapic_zap_locks'), 'what was compiled is the patched file');
    t.ok(text.includes('clear_IO_APIC'));
    t.match(await logOf('stock'), /CC {6}kernel\/fork\.o/);
    t.match(await logOf('no-zap'), /CC {6}arch\/x86\/kernel\/crash\.o/);
    t.notMatch(await logOf('no-zap'), /kernel\/fork\.o/, 'what the patch leaves alone is not compiled again');
    t.equal(
      await readFile(join(path, 'arch/x86/kernel/crash.c'), 'utf8'),
      CRASH_C,
      'the tree is not touched',
    );
    const before = (await stat(noZap.bzImage)).mtimeMs;
    const stock = await build('stock');
    t.ok((await textOf(stock)).includes('ioapic_zap_locks'), 'the seed is not touched either');
    t.strictSame(await build('no-zap'), noZap);
    t.equal((await stat(noZap.bzImage)).mtimeMs, before, 'the second time it is there');
    const zickus = await build('zickus');
    t.notMatch(await textOf(zickus), /clear_IO_APIC|restore_boot_irq_mode/);
    t.match(await textOf(zickus), /lapic_shutdown/);
    t.strictSame((await listKernels(options)).map(({ release }) => release).sort(), [
      '6.1.7-cp-no-zap',
      '6.1.7-cp-stock',
      '6.1.7-cp-zickus',
    ]);
    const [listed] = await listKernels(options);
    t.match(await resolveKernel(listed?.spec ?? '', options), { release: listed?.release });
    t.strictSame(await modulesFor(noZap, ['e1000']), [], 'what is built in is known');
    const boot = join(noZap.bzImage, '..');
    t.match(
      await readFile(join(boot, `config-${noZap.release}`), 'utf8'),
      /CONFIG_LOCALVERSION="-cp-no-zap"/,
    );
    t.ok((await stat(join(boot, `System.map-${noZap.release}`))).size > 0);
    t.strictSame(await readdir(noZap.modulesDir ?? ''), ['modules.builtin']);
    await removeKernel('6.1.7-cp-no-zap', options);
    t.match(await build('no-zap'), { sha256: noZap.sha256 }, 'the same bytes again');
    t.strictSame(await readdir(join(options.cacheDir, 'tmp')), []);
    await removeBuilds(options);
    t.equal((await listKernels(options)).length, 3, 'kernels stay');
  },
);

void t.test(
  'its record has the key of the build; one that has it under debSha256 is still read',
  async (t) => {
    const stock = await build('stock');
    const kernels = join(options.cacheDir, 'kernels');
    const [key = ''] = await readdir(kernels);
    const file = join(kernels, key, 'kernel.json');
    const { buildKey, ...rest } = JSON.parse(await readFile(file, 'utf8'));
    t.equal(buildKey, key);
    t.notOk('debSha256' in rest, 'it was in no package');
    await writeFile(file, JSON.stringify({ ...rest, debSha256: key }));
    const madeAt = (await stat(stock.bzImage)).mtimeMs;
    t.strictSame(await build('stock'), stock);
    t.equal((await stat(stock.bzImage)).mtimeMs, madeAt, 'it is not built again');
    t.strictSame(
      (await listKernels(options)).map(({ release, bzImage }) => [release, bzImage]),
      [[stock.release, stock.bzImage]],
    );
    t.match(await removeKernel(key.slice(0, 12), options), { release: stock.release });
  },
);

void t.test(
  'a tree that was edited gives another kernel, and only the edited file is compiled',
  async (t) => {
    const first = await build('stock');
    // Older than what was compiled from it: only the content says that it changed.
    await writeFile(join(path, 'kernel/fork.c'), 'int knife;\n');
    await utimes(join(path, 'kernel/fork.c'), new Date(0), new Date(0));
    const second = await build('stock');
    t.not(second.sha256, first.sha256);
    t.match(await textOf(second), /int knife/);
    t.notMatch((await logOf('stock')).slice(-400), /crash\.o/);
    t.match(await textOf(await build('no-zap')), /int knife/);
    await writeFile(join(path, 'kernel/fork.c'), 'int fork;\n');
    t.strictSame(await build('stock'), first, 'the old content is in the cache');
  },
);

void t.test('of a git work tree what git ignores does not count', async (t) => {
  await execa('git', ['init', '-q', path]);
  await writeFile(join(path, '.gitignore'), '.*\n*.o\n');
  const clean = await build('stock');
  await writeFile(join(path, '.config'), 'CONFIG_A=y\n');
  await writeFile(join(path, 'kernel/fork.o'), 'built\n');
  t.strictSame(await build('stock'), clean);
  await writeFile(join(path, 'kernel/new.c'), 'int fresh;\n');
  t.not((await build('stock')).bzImage, clean.bzImage);
});

void t.test('a tree that cannot be built from is refused with the reason', async (t) => {
  await writeFile(join(path, '.config'), '');
  await t.rejects(build('stock'), { kind: 'usage', message: /\(\.config\); run make mrproper/ });
  path = join(path, 'kernel');
  await t.rejects(build('stock'), { kind: 'usage', message: /Makefile|not the top/ });
});

void t.test('a patch that does not apply is named with its hunk, before anything is built', async (t) => {
  await writeFile(join(path, 'arch/x86/kernel/crash.c'), CRASH_C.replace('clear_IO_APIC', 'clear_all'));
  await t.rejects(build('no-zap'), {
    kind: 'usage',
    message:
      /no-zap\.patch" to Linux 6\.1\.7: Hunk #1 of arch\/x86\/kernel\/crash\.c does not .*\(6\.1, 6\.12\)/,
  });
  t.strictSame(await listKernels(options), []);
});

void t.test('a kernel that does not build is named with the first error and the log', async (t) => {
  const patch = join(path, '..', 'break.patch');
  await writeFile(
    patch,
    '--- a/arch/x86/kernel/crash.c\n+++ b/arch/x86/kernel/crash.c\n@@ -1 +1,2 @@\n+BROKEN\n \t/*\n',
  );
  const failed = await build(patch).catch((error: unknown) => error);
  t.match(failed, {
    kind: 'usage',
    message: /"6\.1\.7 break": .*crash\.c:3:1: error: this is broken; see \/.*\.log$/,
  });
  const log = /see (\S+)$/.exec(failed instanceof Error ? failed.message : '')?.[1];
  t.match(await readFile(log ?? 'none', 'utf8'), /error: this is broken/);
  t.strictSame(
    (await listKernels(options)).map(({ release }) => release),
    ['6.1.7-cp-stock'],
  );
});

void t.test('an option that does not take is named', async (t) => {
  const configFragment = join(path, '..', 'more.config');
  await writeFile(configFragment, 'CONFIG_NEVER=y\nCONFIG_PRINTK_TIME=n\n');
  await t.rejects(build('stock', { configFragment }), {
    kind: 'usage',
    message: /"6\.1\.7 stock": CONFIG_NEVER=y is absent; add what/,
  });
  await writeFile(configFragment, 'CONFIG_PRINTK_TIME=n\n');
  const kernel = await build('stock', { configFragment });
  t.match(await readFile(kernel.config ?? '', 'utf8'), /CONFIG_PRINTK_TIME=n/);
});

void t.test('an abort ends make, and the next build continues', async (t) => {
  await writeFile(join(path, 'arch/x86/kernel/crash.c'), `${CRASH_C}SLOW\n`);
  const controller = new AbortController();
  const reason = new Error('enough');
  const started = Date.now();
  setTimeout(() => controller.abort(reason), 2_000);
  await t.rejects(build('stock', {}, controller.signal), reason);
  t.ok(Date.now() - started < 30_000);
  t.strictSame(await listKernels(options), []);
  await writeFile(join(path, 'arch/x86/kernel/crash.c'), CRASH_C);
  t.match(await build('stock'), { release: '6.1.7-cp-stock' });
});

void t.test('two builds of one cache take turns', async (t) => {
  const kernels = await Promise.all([build('no-zap'), build('zickus'), build('no-zap')]);
  t.strictSame(kernels[0], kernels[2]);
  t.equal((await listKernels(options)).length, 3);
});

void t.test('a host without build tools: the fault names the packages to install', async (t) => {
  const withMade = process.env['PATH'];
  process.env['PATH'] = join(base, 'bin');
  t.teardown(() => {
    process.env['PATH'] = withMade;
  });
  await t.rejects(build('stock'), {
    kind: 'usage',
    message: /lacks make, patch, tar, xz-utils; run: apt-get install make patch tar xz-utils$/,
  });
});
