import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { MADE_CONFIG, makeBzImage, makeModule } from '../testing/builders/kernels.js';
import { writeTree } from '../testing/files.js';
import { configOf } from './config.js';
import { installedKernels, installedReleases } from './installed.js';
import { modulesFor } from './modules.js';
import { resolveKernel } from './resolve.js';

void t.test('an installed kernel is found by its release, as distributions lay it out', async (t) => {
  const hostRoot = t.testdir({});
  const options = { cacheDir: join(hostRoot, 'cache'), hostRoot };
  await writeTree(hostRoot, {
    // Debian 12, Ubuntu
    'boot/vmlinuz-6.1.0-56-amd64': makeBzImage({ release: '6.1.0-56-amd64' }),
    'boot/config-6.1.0-56-amd64': MADE_CONFIG,
    'usr/lib/modules/6.1.0-56-amd64/kernel/one.ko': makeModule([]),
    // Fedora, Arch, Debian from 6.19 on
    'usr/lib/modules/7.2.13+deb14-amd64/vmlinuz': makeBzImage({ release: '7.2.13+deb14-amd64' }),
    'usr/lib/modules/7.2.13+deb14-amd64/config': MADE_CONFIG,
    'usr/lib/modules/7.2.13+deb14-amd64/kernel/one.ko': makeModule([]),
    // Modules that a removed kernel left
    'usr/lib/modules/5.10.0-1-amd64/kernel/one.ko': makeModule([]),
    'boot/vmlinuz-other': makeBzImage({ release: '6.6.6' }),
  });
  await symlink('usr/lib', join(hostRoot, 'lib'));
  for (const release of ['6.1.0-56-amd64', '7.2.13+deb14-amd64']) {
    const kernel = await resolveKernel(`installed:${release}`, options);
    t.match(kernel, { spec: `installed:${release}`, release, label: release });
    t.equal((await configOf(kernel))?.get('CONFIG_KEXEC'), 'y', release);
    t.equal((await modulesFor(kernel, ['one'])).length, 1, release);
  }
  t.strictSame(await installedReleases(options), ['other', '7.2.13+deb14-amd64', '6.1.0-56-amd64']);
  const { kernels, faults } = await installedKernels(options);
  t.strictSame(
    kernels.map(({ spec }) => spec),
    ['installed:7.2.13+deb14-amd64', 'installed:6.1.0-56-amd64'],
  );
  t.match(faults, [{ message: /calls itself 6\.6\.6/ }]);
  await t.rejects(resolveKernel('installed:5.10.0-1-amd64', options), {
    kind: 'usage',
    message: /^cannot find kernel "installed:5\.10\.0-1-amd64": .*; installed: 6\.1\.0-56-amd64/,
  });
  await t.rejects(resolveKernel('installed:other', options), {
    kind: 'usage',
    message: /vmlinuz-other calls itself 6\.6\.6; give its path/,
  });
});

void t.test('a host without kernels, and a place that is no image', async (t) => {
  const hostRoot = t.testdir({});
  const options = { cacheDir: join(hostRoot, 'cache'), hostRoot };
  await t.rejects(resolveKernel('installed:6.1', options), { kind: 'usage', message: /; installed: none$/ });
  await mkdir(join(hostRoot, 'boot/vmlinuz-6.1'), { recursive: true });
  await t.rejects(resolveKernel('installed:6.1', options), { kind: 'usage', message: /it is a directory/ });
  for (const spec of ['installed:', 'installed:../6.1', 'installed:6.1/x']) {
    await t.rejects(resolveKernel(spec, options), { kind: 'usage', message: /is not a kernel release/ });
  }
});
