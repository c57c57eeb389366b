import t from 'tap';
import { bochs, qemuAsAmd } from './emulators.js';
import type { HostParts } from './host-image.js';
import { labPaths } from './lab-directory.js';

const tree = (dir: string) => ({ dir, versions: new Map<string, string>() });
const CACHE = '/a cache, "quoted"';
const PARTS: HostParts = {
  tools: tree(`${CACHE}/trees/1`),
  host: tree(`${CACHE}/trees/2`),
  kernel: {
    ...{ spec: 'debian:6.1', release: '6.1.0-56-amd64', label: '6.1.0-56-amd64', sha256: '', bits: 64 },
    ...{ bzImage: `${CACHE}/vmlinuz`, modulesDir: undefined, config: undefined },
  },
  disk: `${CACHE}/disk.img`,
};

void t.test('one port of 127.0.0.1 leads into the lab, and nothing out of it', (t) => {
  const slirp = bochs(PARTS, { paths: labPaths(CACHE, 'intel'), port: 52_222 }).files['slirp.conf'];
  t.equal(slirp, '# slirp config\nrestricted = 1\nhostfwd = tcp:127.0.0.1:52222-10.0.2.15:22\n');
  const amd = qemuAsAmd(PARTS, { paths: labPaths(CACHE, 'amd'), port: 52_223, qemu: '/qemu' });
  const nic = 'user,model=e1000,restrict=on,hostfwd=tcp:127.0.0.1:52223-10.0.2.15:22';
  t.strictSame(
    amd.command.filter((_, index, all) => all[index - 1] === '-nic'),
    [nic],
  );
  t.end();
});

void t.test('no path of the cache is in a configuration that could not quote it', (t) => {
  const intel = bochs(PARTS, { paths: labPaths(CACHE, 'intel'), port: 52_222 });
  for (const text of Object.values(intel.files)) t.notMatch(text, /quoted/);
  t.equal(intel.links['disk.img'], PARTS.disk);
  const amd = qemuAsAmd(PARTS, { paths: labPaths(CACHE, 'amd'), port: 52_223, qemu: '/qemu' });
  t.strictSame(
    amd.command.filter((word) => word.includes('quoted')),
    [PARTS.kernel.bzImage],
    'a word of its own',
  );
  t.end();
});
