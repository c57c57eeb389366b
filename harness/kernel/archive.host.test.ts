/** Asks the real archive, by the sources of this host; needs a Debian host and the network (70 MB). */
import { join } from 'node:path';
import t from 'tap';
import { configOf } from './config.js';
import { missingForCrash } from './config.js';
import { modulesFor } from './modules.js';
import { resolveKernel } from './resolve.js';

t.setTimeout(300_000);

void t.test('the newest cloud kernel of a series comes from the archive, fit to be crashed', async (t) => {
  const options = { cacheDir: join(t.testdir(), 'cache') };
  const kernel = await resolveKernel('debian:6.1-cloud', options);
  t.match(kernel.release, /^6\.1\.\d+-\d+-cloud-amd64$/);
  t.strictSame(missingForCrash((await configOf(kernel)) ?? new Map()), []);
  const names = (await modulesFor(kernel, ['virtio-net'])).map(({ name }) => name);
  t.equal(names.at(-1), 'virtio_net');
  t.ok(names.indexOf('virtio_ring') < names.indexOf('virtio'), 'dependencies first');
  const exact = `debian:${kernel.release.replace(/-amd64$/, '')}`;
  t.match(await resolveKernel(exact, { ...options, offline: true }), { sha256: kernel.sha256 });
});

void t.test(
  "a suite's newest kernel comes with the modules and the config of its other packages",
  async (t) => {
    const options = { cacheDir: join(t.testdir(), 'cache') };
    const kernel = await resolveKernel('debian:sid-cloud', options);
    t.match(kernel.release, /^\d+\.\d+\.\d+\S*-cloud-amd64$/);
    t.strictSame(missingForCrash((await configOf(kernel)) ?? new Map()), []);
    t.ok((await modulesFor(kernel, ['virtio-net'])).length <= 5, 'loadable or built in');
  },
);
